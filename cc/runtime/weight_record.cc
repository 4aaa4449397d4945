#include "cc/runtime/weight_record.h"

namespace tinyprop {

uint32_t RecordBytes(uint32_t header_size, uint32_t variable_count, uint32_t data_bytes, uint32_t limit) {
  // In differences, since sums of numbers from a damaged header could overflow.
  if (limit < kRecordCrcBytes || header_size > limit - kRecordCrcBytes) return 0;
  uint32_t room = limit - kRecordCrcBytes - header_size;
  if (variable_count > room / sizeof(uint32_t)) return 0;
  room -= variable_count * static_cast<uint32_t>(sizeof(uint32_t));
  return data_bytes > room ? 0 : limit - (room - data_bytes);
}

Status MakeRecordHeader(const TrainingState& state, uint32_t limit, RecordHeader* header) {
  if (state.variable == nullptr || state.variable_count < 0) return Status::kBadArgument;
  const auto variable_count = static_cast<uint32_t>(state.variable_count);
  uint32_t data_bytes = 0;
  for (int32_t v = 0; v < state.variable_count; ++v) {
    const Span<float> values = state.variable(state.context, v);
    if (values.size < 0 || (values.data == nullptr && values.size > 0)) return Status::kBadArgument;
    if (static_cast<uint32_t>(values.size) > (limit - data_bytes) / sizeof(float)) return Status::kStorageTooSmall;
    data_bytes += static_cast<uint32_t>(values.size) * static_cast<uint32_t>(sizeof(float));
  }
  if (RecordBytes(sizeof(RecordHeader), variable_count, data_bytes, limit) == 0) return Status::kStorageTooSmall;
  *header = {kRecordMagic,  kRecordVersion, sizeof(RecordHeader), state.fingerprint, 0, state.step,
             state.schedule_step, variable_count, data_bytes};
  return Status::kOk;
}

}  // namespace tinyprop
