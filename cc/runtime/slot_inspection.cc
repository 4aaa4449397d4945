#include "cc/runtime/slot_inspection.h"

#include "cc/runtime/crc32.h"

namespace tinyprop {

void SlotInspection::Begin(uint32_t address) {
  stage_ = Stage::kHeader;
  content_ = SlotContent::kDamaged;
  address_ = address;
}

bool SlotInspection::Step(const Storage& storage, Span<uint8_t> buffer, const TrainingState& state,
                          const RecordHeader& expected) {
  if (stage_ == Stage::kHeader) return ReadHeader(storage, expected);
  return stage_ == Stage::kDone || ReadBody(storage, buffer, state);
}

bool SlotInspection::ReadHeader(const Storage& storage, const RecordHeader& expected) {
  const uint32_t slot_size = storage.size / 2;
  stage_ = Stage::kDone;
  if (!storage.read(storage.context, address_, &header_, sizeof header_)) return false;
  // In every version, the last two fields of the header say how long the record is.
  uint32_t counts[2];
  if (header_.magic != kRecordMagic || header_.header_size < sizeof counts || header_.header_size > slot_size) return true;
  if (!storage.read(storage.context, address_ + header_.header_size - sizeof counts, counts, sizeof counts)) return false;
  const uint32_t bytes = RecordBytes(header_.header_size, counts[0], counts[1], slot_size);
  if (bytes < sizeof header_ + kRecordCrcBytes) return true;
  fits_ = header_.version == expected.version && header_.header_size == expected.header_size &&
          header_.fingerprint == expected.fingerprint && header_.variable_count == expected.variable_count &&
          header_.data_bytes == expected.data_bytes;
  offset_ = sizeof header_;
  end_ = bytes - kRecordCrcBytes;
  crc_ = Crc32(0, &header_, sizeof header_);
  stage_ = Stage::kBody;
  return true;
}

bool SlotInspection::ReadBody(const Storage& storage, Span<uint8_t> buffer, const TrainingState& state) {
  const auto room = static_cast<uint32_t>(buffer.size);
  const uint32_t count = end_ - offset_ < room ? end_ - offset_ : room;
  if (!storage.read(storage.context, address_ + offset_, buffer.data, count)) return false;
  crc_ = Crc32(crc_, buffer.data, count);
  fits_ = fits_ && SizesAreThoseOf(state, offset_, {buffer.data, static_cast<int32_t>(count)});
  offset_ += count;
  if (offset_ < end_) return true;
  uint32_t stored;
  if (!storage.read(storage.context, address_ + end_, &stored, sizeof stored)) return false;
  if (stored == crc_) content_ = fits_ ? SlotContent::kFits : SlotContent::kForeign;
  stage_ = Stage::kDone;
  return true;
}

// Whether those of the bytes, which begin at `offset` of the record, that say how many elements a variable has are right.
bool SlotInspection::SizesAreThoseOf(const TrainingState& state, uint32_t offset, Span<const uint8_t> bytes) const {
  for (int32_t i = 0; i < bytes.size; ++i) {
    const uint32_t at = offset + static_cast<uint32_t>(i) - static_cast<uint32_t>(sizeof header_);
    if (at / 4 >= header_.variable_count) return true;
    const auto elements = static_cast<uint32_t>(state.variable(state.context, static_cast<int32_t>(at / 4)).size);
    if (bytes[i] != static_cast<uint8_t>(elements >> at % 4 * 8)) return false;
  }
  return true;
}

}  // namespace tinyprop
