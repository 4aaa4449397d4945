// Trains an embedded model on the samples of samples.h in TFLM and prints every step and the final weights, for
// comparison with the same training in the tflite-micro wheel (run.py).
#include <cstdint>
#include <cstring>

#include "samples.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "tflm_tinyprop/trainer.h"
#include "tinyprop_model.h"
#include "tinyprop_ops.h"

namespace {

namespace api = tinyprop::api;
using tinyprop::Status;
using tinyprop_app::kModel;

alignas(16) uint8_t arena[tinyprop_app::kArenaBytes];

bool Fails(Status status) {
  if (status == Status::kOk) return false;
  TINYPROP_LOG("error: %s", tinyprop::StatusText(status));
  return true;
}

void PrintStep(const tinyprop::Trainer& trainer, const tinyprop::SampleResult& result) {
  TINYPROP_LOG("step %d", static_cast<int>(result.status));
  for (int32_t l = 1; l <= trainer.metadata().layer_count(); ++l) {
    TINYPROP_LOG("k %d", static_cast<int>(trainer.Layer(l).kept));
  }
}

void PrintWeights(const tinyprop::Trainer& trainer) {
  for (int32_t v = 0; v < trainer.metadata().variable_count(); ++v) {
    for (const float value : trainer.Variable(v)) {
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      TINYPROP_LOG("w %x", static_cast<unsigned>(bits));
    }
  }
}

}  // namespace

int main() {
  tinyprop_app::OpResolver resolver;
  if (!tinyprop_app::AddOps(&resolver)) return 1;
  const api::Model* const model = api::GetModel(kModel);
  api::MicroInterpreter interpreter(model, resolver, arena, sizeof arena);
  if (interpreter.AllocateTensors() != api::kOk) return 2;
  tinyprop::Trainer trainer;
  if (Fails(trainer.Init(tinyprop::GraphOf(interpreter), tinyprop::TrainingMetadataOf(*model)))) return 3;
  const auto schedule = tinyprop::LearningRateSchedule::WarmupCosine(kPeakRate, kWarmupSteps, kSteps);
  if (Fails(trainer.SetSchedule(schedule))) return 4;
  for (int32_t i = 0; i < kSteps; ++i) {
    const tinyprop::Span<float> input = trainer.Input().floats();
    for (int32_t j = 0; j < input.size; ++j) input[j] = static_cast<float>(kSamples[i][j]) / 16.0f;
    tinyprop::SampleResult result;
    if (Fails(trainer.Step(kLabels[i], &result))) return 5;
    PrintStep(trainer, result);
  }
  PrintWeights(trainer);
  TINYPROP_LOG("arena %u", static_cast<unsigned>(interpreter.arena_used_bytes()));
  return 0;
}
