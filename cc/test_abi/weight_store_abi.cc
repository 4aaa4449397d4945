// The weight store behind a C interface, for the Python tests (tests/python/runtime). Not part of the product.
#include <cstring>

#include "cc/runtime/weight_store.h"

#define TEST_ABI extern "C" __attribute__((visibility("default")))

namespace {

using tinyprop::Span;
using tinyprop::Status;

// Storage in memory, of blocks of 512 bytes.
tinyprop::Storage StorageIn(uint8_t* memory, uint32_t size) {
  constexpr uint32_t kBlock = 512;
  tinyprop::Storage storage;
  storage.context = memory;
  storage.read = [](void* context, uint32_t address, void* data, uint32_t bytes) {
    std::memcpy(data, static_cast<const uint8_t*>(context) + address, bytes);
    return true;
  };
  storage.program = [](void* context, uint32_t address, const void* data, uint32_t bytes) {
    std::memcpy(static_cast<uint8_t*>(context) + address, data, bytes);
    return true;
  };
  storage.erase = [](void* context, uint32_t address) {
    std::memset(static_cast<uint8_t*>(context) + address, 0xff, kBlock);
    return true;
  };
  storage.sync = [](void*) { return true; };
  storage.program_size = 8;
  storage.erase_size = kBlock;
  storage.size = size;
  return storage;
}

// Variables one after the other in one array.
struct Variables {
  const int32_t* elements;
  float* values;
};

Span<float> VariableAt(void* context, int32_t index) {
  const auto* variables = static_cast<const Variables*>(context);
  float* begin = variables->values;
  for (int32_t v = 0; v < index; ++v) begin += variables->elements[v];
  return {begin, variables->elements[index]};
}

}  // namespace

// Saves to or, if is_load, loads from a storage that lies in memory [size]. header [3]: fingerprint, step, schedule
// step. elements [count] of each variable; values: those of all. Returns the Status.
TEST_ABI int32_t abi_weight_store(uint8_t* memory, uint32_t size, int32_t is_load, uint32_t* header, int32_t count,
                                  const int32_t* elements, float* values) {
  uint8_t buffer[72];
  Variables variables = {elements, values};
  tinyprop::WeightStore store;
  Status status = store.Init(StorageIn(memory, size), {buffer, sizeof buffer});
  if (status != Status::kOk) return static_cast<int32_t>(status);
  tinyprop::TrainingState state;
  state.fingerprint = header[0];
  state.step = header[1];
  state.schedule_step = header[2];
  state.variable_count = count;
  state.context = &variables;
  state.variable = VariableAt;
  status = is_load ? store.Load(&state) : store.Save(state);
  header[1] = state.step;
  header[2] = state.schedule_step;
  return static_cast<int32_t>(status);
}
