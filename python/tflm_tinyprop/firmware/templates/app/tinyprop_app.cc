#include "tinyprop_app.h"

#include <new>
#include <utility>

{% if resource_variables %}
#include "tensorflow/lite/micro/micro_allocator.h"
{% endif %}
#include "tensorflow/lite/micro/micro_interpreter.h"
{% if resource_variables %}
#include "tensorflow/lite/micro/micro_resource_variable.h"
{% endif %}
#include "tensorflow/lite/schema/schema_generated.h"
#include "tflm_tinyprop/trainer.h"
#include "tflm_tinyprop/weight_store.h"
#include "tinyprop_model.h"
#include "tinyprop_ops.h"
#include "tinyprop_self_test.h"
#include "tinyprop_text.h"
#include "tinyprop_user.h"

namespace tinyprop_app {
namespace {

using tinyprop::Span;
using tinyprop::Status;
namespace api = tinyprop::api;  // has TFLM's names, whichever namespace they are in

constexpr uint32_t kSchemaVersion = 3;

// Memory for an object that Start makes: it needs no static constructor, and no destructor at exit.
template <typename T>
class Later {
 public:
  template <typename... Arguments>
  T& Make(Arguments&&... arguments) {
    return *::new (static_cast<void*>(bytes_)) T(std::forward<Arguments>(arguments)...);
  }
  T& operator*() { return *std::launder(reinterpret_cast<T*>(bytes_)); }
  T* operator->() { return &**this; }

 private:
  alignas(T) unsigned char bytes_[sizeof(T)];
};

alignas(16) uint8_t arena[kArenaBytes];
Later<OpResolver> resolver;
Later<api::MicroInterpreter> interpreter;
Later<tinyprop::Trainer> trainer;
Later<tinyprop::WeightStore> store;
LabelElement labels[kBatchSize * kLabelElements];
uint8_t store_buffer[kKeepWeights ? kStoreBufferBytes : 1];

bool Succeeded(const char* what, Status status) {
  if (status == Status::kOk) return true;
  TINYPROP_LOG("%s: %s", what, tinyprop::StatusText(status));
  return false;
}

bool StartInterpreter(const api::Model* model) {
  if (model->version() != kSchemaVersion) {
    TINYPROP_LOG("the model has schema version %u, expected %u", static_cast<unsigned>(model->version()),
                 static_cast<unsigned>(kSchemaVersion));
    return false;
  }
  if (!AddOps(&resolver.Make())) return false;  // TFLM has said why
{% if resource_variables %}
  api::MicroAllocator* const allocator = api::MicroAllocator::Create(arena, kArenaBytes);
  if (allocator == nullptr) return false;
  interpreter.Make(model, *resolver, allocator, api::MicroResourceVariables::Create(allocator, {{ resource_variables }}));
{% else %}
  interpreter.Make(model, *resolver, arena, kArenaBytes);
{% endif %}
  if (interpreter->AllocateTensors() != api::kOk) {
    TINYPROP_LOG("AllocateTensors failed with an arena of %u bytes", static_cast<unsigned>(kArenaBytes));
    return false;
  }
  TINYPROP_LOG("model %u bytes, arena %u of %u bytes", static_cast<unsigned>(kModelBytes),
               static_cast<unsigned>(interpreter->arena_used_bytes()), static_cast<unsigned>(kArenaBytes));
  return true;
}

// Weights of an earlier run, if there are any: then the training goes on where it was.
bool StartSchedule() {
  const auto schedule =
      tinyprop::LearningRateSchedule::WarmupCosine(kPeakLearningRate, kWarmupSteps, kTrainingSteps);
  if (!Succeeded("schedule", trainer->SetSchedule(schedule))) return false;
  if constexpr (kKeepWeights) {
    const Span<uint8_t> buffer(store_buffer, static_cast<int32_t>(sizeof store_buffer));
    if (!Succeeded("weight store", store.Make().Init(WeightStorage(), buffer))) return false;
    const Status loaded = trainer->Load(&*store);
    if (loaded == Status::kNoRecord || loaded == Status::kOtherModel) {
      TINYPROP_LOG("no saved weights of this model: starting with the exported ones");
    } else if (Succeeded("saved weights", loaded)) {
      TINYPROP_LOG("going on at step %u", static_cast<unsigned>(trainer->step()));
    } else {
      return false;
    }
  }
  return true;
}

bool Save() {
  if constexpr (kKeepWeights) {
    if (!Succeeded("saving weights", trainer->Save(&*store))) return false;
    TINYPROP_LOG("weights of step %u saved", static_cast<unsigned>(trainer->step()));
  }
  return true;
}

// Figures since the last report.
void Report() {
  const tinyprop::TrainingStatistics& sums = trainer->statistics();
  TINYPROP_LOG("step %u: loss %s, skipped %u of %u, backward effort %s, not finite %u",
               static_cast<unsigned>(trainer->step()), Decimal(sums.loss).text, static_cast<unsigned>(sums.skipped),
               static_cast<unsigned>(sums.samples), Decimal(sums.backward_effort()).text,
               static_cast<unsigned>(sums.non_finite));
  trainer->ResetStatistics();
}

}  // namespace

bool Start() {
  const api::Model* const model = api::GetModel(kModel);
  if (!StartInterpreter(model)) return false;
  trainer.Make();
  const Status status = trainer->Init(tinyprop::GraphOf(*interpreter), tinyprop::TrainingMetadataOf(*model));
  return Succeeded("trainer", status) && RunSelfTest(&*trainer) && StartSchedule();
}

Progress Step() {
  // By the position in the schedule: a step with the rate 0 does not count as a training step.
  if (trainer->schedule_step() >= kTrainingSteps) return Progress::kFinished;
  int32_t samples = 0;
  while (samples < kBatchSize && NextSample(*trainer, samples, labels + samples * kLabelElements)) ++samples;
  if (samples == 0) return Progress::kNoSample;
  const Status status = trainer->Step(Span<const LabelElement>(labels, samples * kLabelElements));
  // Samples that are not finite have changed nothing; the report counts them.
  if (status != Status::kNonFinite && !Succeeded("training step", status)) return Progress::kFailed;
  const uint32_t step = trainer->schedule_step();
  const bool is_last = step >= kTrainingSteps;
  if (is_last || step % kReportEvery == 0) Report();
  if ((is_last || step % kSaveEvery == 0) && !Save()) return Progress::kFailed;
  return Progress::kTrained;
}

int Run() {
  if (!Start()) return 1;
  for (;;) {
    const Progress progress = Step();
    if (progress == Progress::kFailed) return 1;
    if (progress == Progress::kFinished) break;
  }
  TINYPROP_LOG("training finished");
  return 0;
}

}  // namespace tinyprop_app
