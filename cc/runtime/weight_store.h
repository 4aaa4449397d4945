// Trained weights in flash, in two slots, so that a power cut at any moment loses at most what was not yet
// committed.
//
// A slot, half of the storage, holds one weight record (SPEC.md, "Weight record"). Save writes the slot
// that does not hold the newest intact record; Load takes the newest intact record of this model. The
// record's CRC-32 decides what is intact.
#ifndef TINYPROP_CC_RUNTIME_WEIGHT_STORE_H_
#define TINYPROP_CC_RUNTIME_WEIGHT_STORE_H_

#include <cstdint>

#include "cc/core/span.h"
#include "cc/runtime/status.h"
#include "cc/runtime/storage.h"

namespace tinyprop {

// What a record holds. The variables are reached one at a time, where they lie: they are never copied as a whole.
struct TrainingState {
  uint32_t fingerprint = 0;    // of the model (SPEC.md, "Metadata entry TINYPROP")
  uint32_t step = 0;           // training steps done
  uint32_t schedule_step = 0;  // position in the learning rate schedule
  int32_t variable_count = 0;  // kernels and biases, and the running maxima last
  void* context = nullptr;
  Span<float> (*variable)(void* context, int32_t index) = nullptr;
};

class WeightStore {
 public:
  // buffer: through which records are streamed; a multiple of program_size, at least 64 bytes. Storage and buffer must
  // outlive the store. Returns kBadStorage if something does not fit together.
  Status Init(const Storage& storage, Span<uint8_t> buffer);

  // Bytes that a storage must have for a model whose variables have `elements` in total.
  static uint32_t RequiredStorage(const Storage& geometry, int32_t variable_count, uint32_t elements);

  // Writes a new record; returns kOk when it is durable and reads back intact. Whatever happens, the newest
  // record that was intact before stays so.
  Status Save(const TrainingState& state);

  // Fills the variables, step and schedule_step. kNoRecord, kOtherModel: nothing was changed.
  // kStorageFailed: the variables may be half filled, if the storage failed between checking and reading.
  Status Load(TrainingState* state);
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_WEIGHT_STORE_H_
