// The weight store on a board, over flash that is emulated in RAM: power fails at every program and erase of some
// save cycles. The exhaustive test, with more kinds of flash and of damage, is the host's (tests/cc).
#include <cstring>

#include "cc/runtime/crc32.h"
#include "cc/runtime/trainer.h"
#include "cc/runtime/weight_store.h"
#include "tests/firmware/check.h"
#include "tests/firmware/core_mlp.h"

namespace {

using tinyprop::Span;
using tinyprop::Status;
using tinyprop::Storage;
using tinyprop::Trainer;
using tinyprop::WeightStore;

// Power fails in the operation number `cut`, which is then done to one half; what follows is lost.
struct Flash {
  static constexpr uint32_t kProgram = 16, kErase = 256, kSize = 1024;

  uint8_t bytes[kSize] = {};
  int32_t operations = 0, cut = -1;

  // How much of an operation on `size` bytes still happens.
  uint32_t Progress(uint32_t size) {
    const int32_t number = operations++;
    if (cut < 0 || number < cut) return size;
    return number == cut ? size / 2 : 0;
  }
  Storage storage();
};

bool Read(void* context, uint32_t address, void* data, uint32_t size) {
  std::memcpy(data, static_cast<Flash*>(context)->bytes + address, size);
  return true;
}

bool Program(void* context, uint32_t address, const void* data, uint32_t size) {
  auto* const flash = static_cast<Flash*>(context);
  CHECK(address % Flash::kProgram == 0 && size % Flash::kProgram == 0 && address + size <= Flash::kSize);
  const uint32_t progress = flash->Progress(size);
  for (uint32_t i = 0; i < progress; ++i) CHECK(flash->bytes[address + i] == 0xff);
  std::memcpy(flash->bytes + address, data, progress);
  return progress == size;
}

bool Erase(void* context, uint32_t address) {
  auto* const flash = static_cast<Flash*>(context);
  CHECK(address % Flash::kErase == 0 && address < Flash::kSize);
  const uint32_t progress = flash->Progress(Flash::kErase);
  std::memset(flash->bytes + address, 0xff, progress);
  return progress == Flash::kErase;
}

Storage Flash::storage() {
  Storage storage;
  storage.context = this;
  storage.read = Read;
  storage.program = Program;
  storage.erase = Erase;
  storage.sync = [](void* context) {
    const auto* const flash = static_cast<Flash*>(context);
    return flash->cut < 0 || flash->operations <= flash->cut;
  };
  storage.program_size = kProgram;
  storage.erase_size = kErase;
  storage.size = kSize;
  return storage;
}

Flash flash, backup;
uint8_t buffer[64];

uint32_t WeightsCrc(const Trainer& trainer) {
  uint32_t crc = 0;
  for (int32_t v = 0; v < trainer.metadata().variable_count(); ++v) {
    const Span<const float> values = trainer.Variable(v);
    crc = tinyprop::Crc32(crc, values.data, static_cast<uint32_t>(values.size) * 4);
  }
  return crc;
}

// Other weights, without a training step: what is stored does not matter here.
void Change(Trainer* trainer) {
  for (int32_t v = 0; v < trainer->metadata().variable_count(); ++v) {
    for (float& value : trainer->Variable(v)) value += 0.125f;
  }
}

WeightStore StoreOn(Flash* on) {
  WeightStore store;
  CHECK(store.Init(on->storage(), {buffer, sizeof buffer}) == Status::kOk);
  return store;
}

uint32_t LoadedCrc(Trainer* trainer) {
  WeightStore store = StoreOn(&flash);
  CHECK(trainer->Load(&store) == Status::kOk);
  return WeightsCrc(*trainer);
}

// In pieces or as a whole.
Status Save(Trainer* trainer, WeightStore* store, bool is_stepped) {
  if (!is_stepped) return trainer->Save(store);
  if (trainer->SaveBegin(store) != Status::kOk) return Status::kBadArgument;
  Status status = Status::kSaving;
  while (status == Status::kSaving) status = trainer->SaveStep(store);
  return status;
}

// Cuts the same save at its first, second, ... operation until one gets through. Leaves the new record in flash.
void CutEverywhere(Trainer* trainer, bool is_stepped) {
  const uint32_t committed = LoadedCrc(trainer);
  Change(trainer);
  const uint32_t changed = WeightsCrc(*trainer);
  CHECK(changed != committed);
  backup = flash;
  bool is_saved = false;
  for (int32_t cut = 0; !is_saved; ++cut) {
    flash = backup;
    CHECK(LoadedCrc(trainer) == committed);
    Change(trainer);
    flash.operations = 0;
    flash.cut = cut;
    WeightStore store = StoreOn(&flash);
    is_saved = Save(trainer, &store, is_stepped) == Status::kOk;
    flash.cut = -1;
    CHECK(is_saved == (flash.operations == cut));
    const uint32_t loaded = LoadedCrc(trainer);
    CHECK(loaded == changed || (loaded == committed && !is_saved));
  }
  CHECK(LoadedCrc(trainer) == changed);
}

void WriteStack(const char* name, uint32_t depth) {
  board::Write("stack ");
  board::Write(name);
  board::Write(" ");
  board::Write(static_cast<int32_t>(depth));
  board::Write("\n");
}

}  // namespace

int main() {
  static tinyprop::CoreMlp<1, 8, 6, 4> mlp;
  static tinyprop::CoreMlp<1, 8, 6, 5> other_mlp;
  std::memset(flash.bytes, 0xff, sizeof flash.bytes);
  Trainer trainer, other;
  CHECK(trainer.Init(mlp.graph(), mlp.metadata()) == Status::kOk);
  CHECK(other.Init(other_mlp.graph(), other_mlp.metadata()) == Status::kOk);
  WeightStore store = StoreOn(&flash);
  CHECK(trainer.Load(&store) == Status::kNoRecord);
  board::PaintStack();
  CHECK(trainer.Save(&store) == Status::kOk);
  WriteStack("save", board::StackDepth());
  board::PaintStack();
  CHECK(trainer.Load(&store) == Status::kOk);
  WriteStack("load", board::StackDepth());
  CHECK(other.Load(&store) == Status::kOtherModel);
  for (int32_t cycle = 0; cycle < 4; ++cycle) CutEverywhere(&trainer, cycle % 2 == 1);
  CHECK(other.Load(&store) == Status::kOtherModel);
  return check::Failures();
}
