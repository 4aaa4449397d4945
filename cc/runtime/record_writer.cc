#include "cc/runtime/record_writer.h"

#include <cstring>

#include "cc/runtime/crc32.h"

namespace tinyprop {

void RecordWriter::Begin(uint32_t address) {
  *this = RecordWriter();
  section_ = Section::kHeader;
  address_ = address;
}

bool RecordWriter::Step(const Storage& storage, Span<uint8_t> buffer, const TrainingState& state,
                        const RecordHeader& header) {
  const auto room = static_cast<uint32_t>(buffer.size);
  uint32_t filled = 0;
  while (filled < room && section_ != Section::kEnd) {
    Span<float> values;
    if (section_ == Section::kElements || section_ == Section::kValues) values = state.variable(state.context, variable_);
    const auto elements = static_cast<uint32_t>(values.size);
    const void* piece = &crc_;
    uint32_t size = kRecordCrcBytes;
    if (section_ == Section::kHeader) {
      piece = &header;
      size = sizeof header;
    } else if (section_ == Section::kElements) {
      piece = &elements;
      size = sizeof elements;
    } else if (section_ == Section::kValues) {
      piece = values.data;
      size = elements * static_cast<uint32_t>(sizeof(float));
    }
    const uint32_t left = size - in_piece_;
    const uint32_t count = left < room - filled ? left : room - filled;
    if (count > 0) {
      std::memcpy(buffer.data + filled, static_cast<const uint8_t*>(piece) + in_piece_, count);
      if (section_ != Section::kCrc) crc_ = Crc32(crc_, buffer.data + filled, count);
    }
    filled += count;
    in_piece_ += count;
    if (in_piece_ == size) NextPiece(state.variable_count);
  }
  while (filled % storage.program_size != 0) buffer.data[filled++] = 0xff;
  address_ += filled;
  return storage.program(storage.context, address_ - filled, buffer.data, filled);
}

void RecordWriter::NextPiece(int32_t variables) {
  in_piece_ = 0;
  const bool is_variable = section_ == Section::kElements || section_ == Section::kValues;
  if (is_variable && ++variable_ < variables) return;
  variable_ = 0;
  section_ = static_cast<Section>(static_cast<uint8_t>(section_) + 1);
  // Of a record without variables both sections are empty.
  if (variables == 0 && section_ == Section::kElements) section_ = Section::kCrc;
}

}  // namespace tinyprop
