// Parts of cc/runtime behind a C interface, for the Python tests (tests/python/runtime). Not part of the product.
#include <cstring>

#include "cc/core/float_bits.h"
#include "cc/runtime/learning_rate_schedule.h"
#include "cc/runtime/training_metadata.h"

#define TEST_ABI extern "C" __attribute__((visibility("default")))

// rates [count]: of the steps first, first + 1, ... Returns whether the schedule is valid.
TEST_ABI int32_t abi_schedule_rates(float peak, float final, uint32_t warmup_steps, uint32_t total_steps,
                                    uint32_t first, int32_t count, float* rates) {
  const auto schedule =
      tinyprop::LearningRateSchedule::WarmupCosine(peak, warmup_steps, total_steps, final);
  for (int32_t i = 0; i < count; ++i) rates[i] = schedule.RateAt(first + static_cast<uint32_t>(i));
  return schedule.IsValid();
}

// Returns the Status of Parse. header [18]: the accessors in the order below; config [8].
TEST_ABI int32_t abi_metadata_parse(const uint8_t* entry, int32_t size, uint64_t* header, float* config) {
  tinyprop::TrainingMetadata metadata;
  const tinyprop::Status status = metadata.Parse({entry, size});
  if (status != tinyprop::Status::kOk) return static_cast<int32_t>(status);
  const uint64_t values[18] = {
      metadata.fingerprint(),
      static_cast<uint64_t>(metadata.batch_size()),
      static_cast<uint64_t>(metadata.loss()),
      static_cast<uint64_t>(metadata.layer_count()),
      static_cast<uint64_t>(metadata.variable_count()),
      static_cast<uint64_t>(metadata.model_inputs()),
      static_cast<uint64_t>(metadata.model_outputs()),
      static_cast<uint64_t>(metadata.label_input()),
      static_cast<uint64_t>(metadata.control_input()),
      static_cast<uint64_t>(metadata.loss_output()),
      static_cast<uint64_t>(metadata.statistics_output()),
      static_cast<uint64_t>(metadata.first_variable_output()),
      metadata.forward_macs(),
      metadata.backward_macs(),
      metadata.keeps_state(),
      static_cast<uint64_t>(metadata.keeps_state() ? metadata.reset_state_input() : 0),
      static_cast<uint64_t>(metadata.output()),
      tinyprop::BitsOf(metadata.output_threshold()),
  };
  std::memcpy(header, values, sizeof values);
  const tinyprop::Control control = metadata.config();
  std::memcpy(config, &control, sizeof control);
  return 0;
}

// Layer l of an entry that parses: record [3] = n, update and hand-down multiply-accumulates; name [size].
TEST_ABI void abi_metadata_layer(const uint8_t* entry, int32_t size, int32_t l, uint64_t* record, char* name,
                                 int32_t name_size) {
  tinyprop::TrainingMetadata metadata;
  static_cast<void>(metadata.Parse({entry, size}));  // the caller has seen that it does
  const tinyprop::LayerRecord layer = metadata.Layer(l);
  record[0] = static_cast<uint64_t>(layer.gradients);
  record[1] = layer.update_macs;
  record[2] = layer.hand_down_macs;
  std::strncpy(name, layer.name, static_cast<size_t>(name_size) - 1);
}

TEST_ABI int32_t abi_metadata_variable(const uint8_t* entry, int32_t size, int32_t index) {
  tinyprop::TrainingMetadata metadata;
  static_cast<void>(metadata.Parse({entry, size}));  // the caller has seen that it does
  return metadata.VariableElements(index);
}
