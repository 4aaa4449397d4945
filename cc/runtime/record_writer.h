// Programs a weight record, a buffer at a time.
#ifndef TINYPROP_CC_RUNTIME_RECORD_WRITER_H_
#define TINYPROP_CC_RUNTIME_RECORD_WRITER_H_

#include <cstdint>

#include "cc/core/span.h"
#include "cc/runtime/storage.h"
#include "cc/runtime/weight_record.h"

namespace tinyprop {

class RecordWriter {
 public:
  // Nothing is programmed yet.
  void Begin(uint32_t address);
  // Programs the next buffer of the record with this header, of this state: the same in every step. Returns false if the
  // storage failed.
  bool Step(const Storage& storage, Span<uint8_t> buffer, const TrainingState& state, const RecordHeader& header);
  bool is_done() const { return section_ == Section::kEnd; }
  // Of the record, without the field that holds it.
  uint32_t crc() const { return crc_; }

 private:
  enum class Section : uint8_t { kHeader, kElements, kValues, kCrc, kEnd };

  void NextPiece(int32_t variables);

  Section section_ = Section::kEnd;
  int32_t variable_ = 0;   // of kElements and kValues
  uint32_t in_piece_ = 0;  // bytes of the header, of a count, of a variable or of the CRC that are done
  uint32_t address_ = 0;
  uint32_t crc_ = 0;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_RECORD_WRITER_H_
