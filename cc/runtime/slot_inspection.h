// What a slot of the weight storage holds, found out a buffer at a time.
#ifndef TINYPROP_CC_RUNTIME_SLOT_INSPECTION_H_
#define TINYPROP_CC_RUNTIME_SLOT_INSPECTION_H_

#include <cstdint>

#include "cc/core/span.h"
#include "cc/runtime/storage.h"
#include "cc/runtime/weight_record.h"

namespace tinyprop {

// In ascending order of what is worth keeping.
enum class SlotContent : uint8_t { kDamaged, kForeign, kFits };

class SlotInspection {
 public:
  // Nothing is read yet.
  void Begin(uint32_t address);
  // Reads at most a buffer of the record, and its header or its CRC. `expected`: the header of a record of `state`. Returns
  // false if the storage failed.
  bool Step(const Storage& storage, Span<uint8_t> buffer, const TrainingState& state, const RecordHeader& expected);
  bool is_done() const { return stage_ == Stage::kDone; }

  // Of the slot, when it is done.
  SlotContent content() const { return content_; }
  uint32_t address() const { return address_; }
  // Where the content is not kDamaged: the record's header, and its CRC without the field that holds it.
  const RecordHeader& header() const { return header_; }
  uint32_t crc() const { return crc_; }

 private:
  enum class Stage : uint8_t { kHeader, kBody, kDone };

  bool ReadHeader(const Storage& storage, const RecordHeader& expected);
  bool ReadBody(const Storage& storage, Span<uint8_t> buffer, const TrainingState& state);
  bool SizesAreThoseOf(const TrainingState& state, uint32_t offset, Span<const uint8_t> bytes) const;

  Stage stage_ = Stage::kDone;
  SlotContent content_ = SlotContent::kDamaged;
  bool fits_ = false;  // what was read so far is of the model
  uint32_t address_ = 0;
  uint32_t offset_ = 0, end_ = 0;  // of the record: what was read, and where its CRC is
  uint32_t crc_ = 0;
  RecordHeader header_ = {};
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_SLOT_INSPECTION_H_
