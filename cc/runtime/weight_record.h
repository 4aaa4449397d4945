// The bytes in which trained weights are kept (SPEC.md, "Weight record").
#ifndef TINYPROP_CC_RUNTIME_WEIGHT_RECORD_H_
#define TINYPROP_CC_RUNTIME_WEIGHT_RECORD_H_

#include <cstdint>

#include "cc/core/span.h"
#include "cc/core/wire_format.h"
#include "cc/runtime/status.h"

namespace tinyprop {

// What a record holds. The variables are reached one at a time, where they lie: they are never copied as a whole.
struct TrainingState {
  uint32_t fingerprint = 0;    // of the model (SPEC.md, "Metadata entry TINYPROP")
  uint32_t step = 0;           // training steps done
  uint32_t schedule_step = 0;  // position in the learning rate schedule
  int32_t variable_count = 0;  // kernels and biases, and the running maxima last
  void* context = nullptr;
  // Has to return the same span for the same index.
  Span<float> (*variable)(void* context, int32_t index) = nullptr;
};

// A record begins with a RecordHeader; then follow the elements of each variable (uint32), their values (float) and a CRC-32.
// The header is copied as it lies in memory, so that the processor has to be little-endian, as TFLM's are.
#if defined(__BYTE_ORDER__)
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weight records are little-endian");
#endif

constexpr uint32_t kRecordCrcBytes = 4;  // behind the values

// The header of a record of `state`, with sequence number 0. kBadArgument: a function or a size of the state is
// invalid. kStorageTooSmall: the record would have more than `limit` bytes.
Status MakeRecordHeader(const TrainingState& state, uint32_t limit, RecordHeader* header);

// Bytes of a whole record; 0 if they are more than `limit`.
uint32_t RecordBytes(uint32_t header_size, uint32_t variable_count, uint32_t data_bytes, uint32_t limit);

// Whether sequence number a comes after b: the numbers wrap around.
constexpr bool IsLater(uint32_t a, uint32_t b) { return a != b && a - b < 0x80000000u; }

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_WEIGHT_RECORD_H_
