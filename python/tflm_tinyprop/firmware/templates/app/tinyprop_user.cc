// Yours to edit: see tinyprop_user.h.
#include "tinyprop_user.h"

#include "tinyprop_self_test.h"

namespace tinyprop_app {

// Replace this: the example trains on the self-test's sample again and again, so that it runs as it is.
//
// With one float input and class labels, reading a sensor may look like this:
//
//   const tinyprop::Span<float> input = trainer.Input(slot).floats();
//   if (!ReadSensor(input.data, input.size)) return false;
//   *label = ClassThatTheUserNamed();
//   return true;
bool NextSample(const tinyprop::Trainer& trainer, int32_t slot, LabelElement* label) {
  return WriteSelfTestSample(trainer, slot, label);
}

// Set kKeepWeights to true and fill in your flash driver. Sizes are those of the flash: erase_size what one erase
// clears, program_size what one program writes at least. Each half of `size` holds a record, which is a little
// larger than the trained weights: tinyprop::WeightStore::RequiredStorage says how large `size` must be.
//
//   bool Read(void*, uint32_t address, void* data, uint32_t size) { ... }
//   bool Program(void*, uint32_t address, const void* data, uint32_t size) { ... }
//   bool Erase(void*, uint32_t address) { ... }
//   bool Sync(void*) { return true; }
//
// and in WeightStorage
//
//   storage.read = Read; storage.program = Program; storage.erase = Erase; storage.sync = Sync;
//   storage.program_size = 8; storage.erase_size = 4096; storage.size = 2 * 16 * 4096;
const tinyprop::Storage& WeightStorage() {
  static tinyprop::Storage storage;
  return storage;
}

}  // namespace tinyprop_app
