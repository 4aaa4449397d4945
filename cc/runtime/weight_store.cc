#include "cc/runtime/weight_store.h"

#include "cc/runtime/crc32.h"

namespace tinyprop {
namespace {

constexpr int32_t kSmallestBuffer = 64;

uint32_t BytesOf(const Span<float>& values) { return static_cast<uint32_t>(values.size) * 4; }

// Index of the newest record that fits; if none does, of the newest foreign one; if there is none either, of any slot.
int Newest(const SlotInspection* slots) {
  const bool is_second = slots[0].content() != slots[1].content()
                             ? slots[1].content() > slots[0].content()
                             : IsLater(slots[1].header().sequence, slots[0].header().sequence);
  return is_second ? 1 : 0;
}

}  // namespace

Status WeightStore::Init(const Storage& storage, Span<uint8_t> buffer) {
  *this = WeightStore();
  if (storage.read == nullptr || storage.program == nullptr || storage.erase == nullptr || storage.sync == nullptr) {
    return Status::kBadStorage;
  }
  const uint32_t slot_size = storage.size / 2;
  if (storage.program_size == 0 || storage.erase_size == 0 || storage.erase_size % storage.program_size != 0 ||
      storage.size % 2 != 0 || slot_size % storage.erase_size != 0 ||
      slot_size < sizeof(RecordHeader) + sizeof(uint32_t)) {
    return Status::kBadStorage;
  }
  if (buffer.data == nullptr || buffer.size < kSmallestBuffer ||
      static_cast<uint32_t>(buffer.size) % storage.program_size != 0) {
    return Status::kBadStorage;
  }
  storage_ = storage;
  buffer_ = buffer;
  return Status::kOk;
}

uint32_t WeightStore::RequiredStorage(const Storage& geometry, int32_t variable_count, uint32_t elements) {
  constexpr uint32_t kTooLarge = 0xffffffffu;
  constexpr uint32_t kLargestSlot = 0x7fffffffu;
  if (variable_count < 0 || geometry.erase_size == 0 || elements > kLargestSlot / sizeof(float)) return kTooLarge;
  const uint32_t bytes = RecordBytes(sizeof(RecordHeader), static_cast<uint32_t>(variable_count),
                                     elements * static_cast<uint32_t>(sizeof(float)), kLargestSlot);
  if (bytes == 0) return kTooLarge;
  const uint32_t blocks = (bytes - 1) / geometry.erase_size + 1;
  return blocks > kLargestSlot / geometry.erase_size ? kTooLarge : 2 * blocks * geometry.erase_size;
}

Status WeightStore::Save(const TrainingState& state) {
  Status status = SaveBegin(state);
  if (status == Status::kOk) status = Status::kSaving;
  while (status == Status::kSaving) status = SaveStep(state);
  return status;
}

Status WeightStore::SaveBegin(const TrainingState& state) {
  stage_ = Stage::kIdle;
  if (buffer_.empty()) return Status::kNotInitialized;
  const Status status = MakeRecordHeader(state, slot_size(), &header_);
  if (status != Status::kOk) return status;
  for (int i = 0; i < 2; ++i) slots_[i].Begin(static_cast<uint32_t>(i) * slot_size());
  stage_ = Stage::kSync;
  return Status::kOk;
}

// One step, and what comes after it: Advance does the step, this what is to be said about it.
Status WeightStore::SaveStep(const TrainingState& state) {
  if (buffer_.empty()) return Status::kNotInitialized;
  RecordHeader expected;
  if (stage_ == Stage::kIdle || MakeRecordHeader(state, slot_size(), &expected) != Status::kOk ||
      expected.variable_count != header_.variable_count || expected.data_bytes != header_.data_bytes) {
    stage_ = Stage::kIdle;
    return Status::kBadArgument;
  }
  if (!Advance(state)) {
    stage_ = Stage::kIdle;
    return Status::kStorageFailed;
  }
  if (stage_ != Stage::kDone) return Status::kSaving;
  stage_ = Stage::kIdle;
  const SlotInspection& written = slots_[target_];
  return written.content() == SlotContent::kFits && written.crc() == writer_.crc() ? Status::kOk : Status::kVerifyFailed;
}

// Does the next piece of a save. Returns false if the storage failed.
bool WeightStore::Advance(const TrainingState& state) {
  SlotInspection& target = slots_[target_];
  switch (stage_) {
    case Stage::kSync:
      // A save whose sync failed may have left a record that can be read but is not durable yet. It must be before the
      // other one is erased.
      stage_ = Stage::kSurvey;
      return storage_.sync(storage_.context);
    case Stage::kSurvey:
      if (!slots_[slots_[0].is_done()].Step(storage_, buffer_, state, header_)) return false;
      if (slots_[0].is_done() && slots_[1].is_done()) ChooseTarget();
      return true;
    case Stage::kErase: {
      const uint32_t address = target.address() + erased_;
      erased_ += storage_.erase_size;
      if (erased_ >= RecordBytes(sizeof header_, header_.variable_count, header_.data_bytes, slot_size())) {
        stage_ = Stage::kSyncErased;
      }
      return storage_.erase(storage_.context, address);
    }
    case Stage::kSyncErased:
      // If a program could come through before its erase, it could complete a record that an earlier cut has left torn.
      stage_ = Stage::kProgram;
      writer_.Begin(target.address());
      return storage_.sync(storage_.context);
    case Stage::kProgram: {
      const bool is_written = writer_.Step(storage_, buffer_, state, header_);
      if (writer_.is_done()) stage_ = Stage::kSyncProgrammed;
      return is_written;
    }
    case Stage::kSyncProgrammed:
      stage_ = Stage::kVerify;
      target.Begin(target.address());
      return storage_.sync(storage_.context);
    case Stage::kVerify:
      if (!target.Step(storage_, buffer_, state, header_)) return false;
      if (target.is_done()) stage_ = Stage::kDone;
      return true;
    case Stage::kIdle:
    case Stage::kDone:
      break;
  }
  return true;
}

void WeightStore::ChooseTarget() {
  const int newest = Newest(slots_);
  const SlotInspection& kept = slots_[newest];
  header_.sequence = kept.content() == SlotContent::kDamaged ? 1 : kept.header().sequence + 1;
  target_ = static_cast<uint8_t>(1 - newest);
  erased_ = 0;
  stage_ = Stage::kErase;
}

Status WeightStore::Load(TrainingState* state) {
  stage_ = Stage::kIdle;
  if (buffer_.empty()) return Status::kNotInitialized;
  RecordHeader expected;
  const Status status = MakeRecordHeader(*state, slot_size(), &expected);
  if (status != Status::kOk) return status;
  for (int i = 0; i < 2; ++i) {
    slots_[i].Begin(static_cast<uint32_t>(i) * slot_size());
    while (!slots_[i].is_done()) {
      if (!slots_[i].Step(storage_, buffer_, *state, expected)) return Status::kStorageFailed;
    }
  }
  const SlotInspection& slot = slots_[Newest(slots_)];
  if (slot.content() != SlotContent::kFits) {
    return slot.content() == SlotContent::kForeign ? Status::kOtherModel : Status::kNoRecord;
  }
  return Fill(slot, state);
}

// Takes a record over into the variables. This second reading has its own CRC: the storage may have failed since the first.
Status WeightStore::Fill(const SlotInspection& slot, TrainingState* state) {
  const RecordHeader& header = slot.header();
  uint32_t crc = Crc32(0, &header, sizeof header);
  uint32_t address = slot.address() + sizeof header;
  for (int32_t v = 0; v < state->variable_count; ++v) {
    const auto elements = static_cast<uint32_t>(state->variable(state->context, v).size);
    crc = Crc32(crc, &elements, sizeof elements);
    address += sizeof elements;
  }
  for (int32_t v = 0; v < state->variable_count; ++v) {
    const Span<float> values = state->variable(state->context, v);
    if (!storage_.read(storage_.context, address, values.data, BytesOf(values))) return Status::kLoadInterrupted;
    crc = Crc32(crc, values.data, BytesOf(values));
    address += BytesOf(values);
  }
  if (crc != slot.crc()) return Status::kLoadInterrupted;
  state->step = header.step;
  state->schedule_step = header.schedule_step;
  return Status::kOk;
}

}  // namespace tinyprop
