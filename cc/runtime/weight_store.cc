#include "cc/runtime/weight_store.h"

#include <cstring>

#include "cc/runtime/crc32.h"

namespace tinyprop {
namespace {

constexpr int32_t kSmallestBuffer = 64;

// In ascending order of what is worth keeping.
enum class Content : uint8_t { kDamaged, kForeign, kFits };

struct Slot {
  uint32_t address;
  Content content;
  RecordHeader header;
  uint32_t crc;  // of the record, without the field that holds it
};

struct Device {
  const Storage& storage;
  Span<uint8_t> buffer;

  uint32_t slot_size() const { return storage.size / 2; }
  bool Read(uint32_t address, void* data, uint32_t size) const {
    return storage.read(storage.context, address, data, size);
  }
  bool Sync() const { return storage.sync(storage.context); }
  // Continues a CRC over stored bytes.
  bool Crc(uint32_t address, uint32_t size, uint32_t* crc) const;
};

bool Device::Crc(uint32_t address, uint32_t size, uint32_t* crc) const {
  while (size > 0) {
    const auto room = static_cast<uint32_t>(buffer.size);
    const uint32_t count = size < room ? size : room;
    if (!Read(address, buffer.data, count)) return false;
    *crc = Crc32(*crc, buffer.data, count);
    address += count;
    size -= count;
  }
  return true;
}

// Programs a record from its first byte to its last, a buffer at a time.
class RecordWriter {
 public:
  RecordWriter(const Device& device, uint32_t address) : device_(device), address_(address) {}

  uint32_t crc() const { return crc_; }
  bool Write(const void* data, uint32_t size);
  // Appends the CRC of all that was written.
  bool Finish();

 private:
  bool Program();

  const Device& device_;
  uint32_t address_;
  uint32_t filled_ = 0;
  uint32_t crc_ = 0;
};

bool RecordWriter::Program() {
  const Storage& storage = device_.storage;
  while (filled_ % storage.program_size != 0) device_.buffer.data[filled_++] = 0xff;
  const uint32_t count = filled_;
  filled_ = 0;
  address_ += count;
  return count == 0 || storage.program(storage.context, address_ - count, device_.buffer.data, count);
}

bool RecordWriter::Write(const void* data, uint32_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  crc_ = Crc32(crc_, data, size);
  while (size > 0) {
    const uint32_t room = static_cast<uint32_t>(device_.buffer.size) - filled_;
    const uint32_t count = size < room ? size : room;
    std::memcpy(device_.buffer.data + filled_, bytes, count);
    filled_ += count;
    bytes += count;
    size -= count;
    if (count == room && !Program()) return false;
  }
  return true;
}

bool RecordWriter::Finish() {
  const uint32_t crc = crc_;
  const bool is_written = Write(&crc, sizeof crc) && Program();
  crc_ = crc;
  return is_written;
}

uint32_t BytesOf(const Span<float>& values) { return static_cast<uint32_t>(values.size) * 4; }

// Whether an intact record is one of `state`, of which `expected` is the header. Returns false if the storage failed.
bool Compare(const Device& device, const TrainingState& state, const RecordHeader& expected, Slot* slot) {
  const RecordHeader& header = slot->header;
  if (header.version != expected.version || header.header_size != expected.header_size ||
      header.fingerprint != expected.fingerprint || header.variable_count != expected.variable_count ||
      header.data_bytes != expected.data_bytes) {
    return true;
  }
  for (int32_t v = 0; v < state.variable_count; ++v) {
    uint32_t elements;
    const uint32_t offset = static_cast<uint32_t>(v) * sizeof elements;
    if (!device.Read(slot->address + sizeof header + offset, &elements, sizeof elements)) return false;
    if (elements != static_cast<uint32_t>(state.variable(state.context, v).size)) return true;
  }
  slot->content = Content::kFits;
  return true;
}

// Finds out what the slot at slot->address holds. Returns false if the storage failed.
bool Inspect(const Device& device, const TrainingState& state, const RecordHeader& expected, Slot* slot) {
  slot->content = Content::kDamaged;
  RecordHeader& header = slot->header;
  if (!device.Read(slot->address, &header, sizeof header)) return false;
  // In every version, the last two fields of the header say how long the record is.
  uint32_t counts[2];
  if (header.magic != kRecordMagic || header.header_size < sizeof counts ||
      header.header_size > device.slot_size()) {
    return true;
  }
  if (!device.Read(slot->address + header.header_size - sizeof counts, counts, sizeof counts)) return false;
  const uint32_t bytes = RecordBytes(header.header_size, counts[0], counts[1], device.slot_size());
  uint32_t stored;
  if (bytes < sizeof header + sizeof stored) return true;
  const uint32_t end = slot->address + bytes - sizeof stored;
  slot->crc = Crc32(0, &header, sizeof header);
  if (!device.Crc(slot->address + sizeof header, end - slot->address - sizeof header, &slot->crc)) return false;
  if (!device.Read(end, &stored, sizeof stored)) return false;
  if (stored != slot->crc) return true;
  slot->content = Content::kForeign;
  return Compare(device, state, expected, slot);
}

// Inspects both slots. *newest: index of the newest record that fits; if none does, of the newest foreign one; if
// there is none either, of any slot. Returns false if the storage failed.
bool Survey(const Device& device, const TrainingState& state, const RecordHeader& expected, Slot* slots, int* newest) {
  for (int i = 0; i < 2; ++i) {
    slots[i].address = i == 0 ? 0 : device.slot_size();
    if (!Inspect(device, state, expected, &slots[i])) return false;
  }
  const bool is_second = slots[0].content != slots[1].content
                             ? slots[1].content > slots[0].content
                             : IsLater(slots[1].header.sequence, slots[0].header.sequence);
  *newest = is_second ? 1 : 0;
  return true;
}

// Erases what the record needs of a slot and programs it. *crc: that of the record.
bool WriteRecord(const Device& device, const TrainingState& state, const RecordHeader& header, uint32_t address,
                 uint32_t* crc) {
  const Storage& storage = device.storage;
  const uint32_t bytes = RecordBytes(sizeof header, header.variable_count, header.data_bytes, device.slot_size());
  for (uint32_t offset = 0; offset < bytes; offset += storage.erase_size) {
    if (!storage.erase(storage.context, address + offset)) return false;
  }
  // If a program could come through before its erase, it could complete a record that an earlier cut has left torn.
  if (!device.Sync()) return false;
  RecordWriter writer(device, address);
  if (!writer.Write(&header, sizeof header)) return false;
  for (int32_t v = 0; v < state.variable_count; ++v) {
    const auto elements = static_cast<uint32_t>(state.variable(state.context, v).size);
    if (!writer.Write(&elements, sizeof elements)) return false;
  }
  for (int32_t v = 0; v < state.variable_count; ++v) {
    const Span<float> values = state.variable(state.context, v);
    if (!writer.Write(values.data, BytesOf(values))) return false;
  }
  if (!writer.Finish()) return false;
  *crc = writer.crc();
  return device.Sync();
}

}  // namespace

Status WeightStore::Init(const Storage& storage, Span<uint8_t> buffer) {
  buffer_ = Span<uint8_t>();
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
  if (buffer_.empty()) return Status::kNotInitialized;
  const Device device = {storage_, buffer_};
  RecordHeader header;
  const Status status = MakeRecordHeader(state, device.slot_size(), &header);
  if (status != Status::kOk) return status;
  // A Save whose sync failed may have left a record that can be read but is not durable yet. It must be before
  // the other one is erased.
  Slot slots[2];
  int newest;
  if (!device.Sync() || !Survey(device, state, header, slots, &newest)) return Status::kStorageFailed;
  header.sequence = slots[newest].content == Content::kDamaged ? 1 : slots[newest].header.sequence + 1;
  Slot& target = slots[1 - newest];
  uint32_t crc;
  if (!WriteRecord(device, state, header, target.address, &crc)) return Status::kStorageFailed;
  if (!Inspect(device, state, header, &target)) return Status::kStorageFailed;
  return target.content == Content::kFits && target.crc == crc ? Status::kOk : Status::kVerifyFailed;
}

Status WeightStore::Load(TrainingState* state) {
  if (buffer_.empty()) return Status::kNotInitialized;
  const Device device = {storage_, buffer_};
  RecordHeader expected;
  const Status status = MakeRecordHeader(*state, device.slot_size(), &expected);
  if (status != Status::kOk) return status;
  Slot slots[2];
  int newest;
  if (!Survey(device, *state, expected, slots, &newest)) return Status::kStorageFailed;
  const Slot& slot = slots[newest];
  if (slot.content != Content::kFits) {
    return slot.content == Content::kForeign ? Status::kOtherModel : Status::kNoRecord;
  }
  // The second reading, which fills the variables, has its own CRC: the storage may have failed in between.
  const RecordHeader& header = slot.header;
  uint32_t crc = Crc32(0, &header, sizeof header);
  uint32_t address = slot.address + sizeof header;
  if (!device.Crc(address, header.variable_count * 4, &crc)) return Status::kStorageFailed;
  address += header.variable_count * 4;
  for (int32_t v = 0; v < state->variable_count; ++v) {
    const Span<float> values = state->variable(state->context, v);
    if (!device.Read(address, values.data, BytesOf(values))) return Status::kLoadInterrupted;
    crc = Crc32(crc, values.data, BytesOf(values));
    address += BytesOf(values);
  }
  if (crc != slot.crc) return Status::kLoadInterrupted;
  state->step = header.step;
  state->schedule_step = header.schedule_step;
  return Status::kOk;
}

}  // namespace tinyprop
