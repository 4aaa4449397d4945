// Trainer, schedules and CRC-32 on a board: what they return, and that a refused call leaves weights alone.
#include <cstring>
#include <initializer_list>

#include "cc/core/vector_ops.h"
#include "cc/runtime/crc32.h"
#include "cc/runtime/learning_rate_schedule.h"
#include "cc/runtime/trainer.h"
#include "tests/firmware/check.h"
#include "tests/firmware/core_mlp.h"
#include "tests/firmware/random.h"

namespace {

using tinyprop::LearningRateSchedule;
using tinyprop::SampleResult;
using tinyprop::SampleStatus;
using tinyprop::Span;
using tinyprop::Status;
using tinyprop::Trainer;

constexpr uint32_t kNanBits = 0x7fc00000, kInfinityBits = 0x7f800000;
constexpr int32_t kFeatures = 8, kClasses = 4;
using Mlp = tinyprop::CoreMlp<2, kFeatures, 6, kClasses>;

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

bool IsNear(float a, float b) { return a - b < 1e-6f && b - a < 1e-6f; }

// Of all variables, so that any change shows.
uint32_t WeightsCrc(const Trainer& trainer) {
  uint32_t crc = 0;
  for (int32_t v = 0; v < trainer.metadata().variable_count(); ++v) {
    const Span<const float> values = trainer.Variable(v);
    crc = tinyprop::Crc32(crc, values.data, static_cast<uint32_t>(values.size) * 4);
  }
  return crc;
}

void FillInputs(const Trainer& trainer, uint32_t seed) {
  tinyprop::Random random(seed);
  for (int32_t b = 0; b < trainer.batch_size(); ++b) {
    for (float& value : trainer.Input(b).floats()) value = random.Uniform();
  }
}

void Crc() {
  CHECK(tinyprop::Crc32(0, "123456789", 9) == 0xcbf43926u);
  CHECK(tinyprop::Crc32(tinyprop::Crc32(0, "1234", 4), "56789", 5) == 0xcbf43926u);
  CHECK(tinyprop::Crc32(0, "", 0) == 0);
}

void Schedules() {
  const auto schedule = LearningRateSchedule::WarmupCosine(0.5f, 4, 103, 0.1f);
  CHECK(schedule.IsValid());
  CHECK(IsNear(schedule.RateAt(0), 0.125f));
  CHECK(IsNear(schedule.RateAt(3), 0.5f));
  CHECK(IsNear(schedule.RateAt(53), 0.3f));  // half of the way down
  CHECK(IsNear(schedule.RateAt(28), 0.1f + 0.4f * 0.8535534f));  // a quarter: (1 + cos(pi / 4)) / 2
  CHECK(schedule.RateAt(103) == 0.1f);
  for (uint32_t step = 4; step < 103; ++step) CHECK(schedule.RateAt(step) < schedule.RateAt(step - 1));
  const auto longest = LearningRateSchedule::WarmupCosine(0.5f, 0, 0xffffffffu);
  CHECK(longest.RateAt(0) == 0.5f && longest.RateAt(0xfffffffeu) > 0.0f && longest.RateAt(0xffffffffu) == 0.0f);
  CHECK(LearningRateSchedule::WarmupCosine(0.5f, 20, 5195).RateAt(5194) > 0.0f);
  CHECK(LearningRateSchedule::Constant(0.25f).RateAt(1000000) == 0.25f);
  CHECK(!LearningRateSchedule::Constant(FromBits(kNanBits)).IsValid());
  CHECK(!LearningRateSchedule::Constant(-0.25f).IsValid());
  CHECK(!LearningRateSchedule::WarmupCosine(0.5f, 10, 9).IsValid());
}

void RefusedModels(Mlp* mlp) {
  static tinyprop::CoreMlp<2, kFeatures, 5, kClasses> narrow_mlp;
  Trainer trainer;
  CHECK(trainer.Step(0) == Status::kNotInitialized);
  CHECK(trainer.Predict() == Status::kNotInitialized);
  CHECK(trainer.Init(mlp->graph(), {}) == Status::kNotTrainable);
  CHECK(trainer.Init(mlp->graph(), narrow_mlp.metadata()) == Status::kGraphMismatch);
  static uint8_t entry[512];
  const Span<const uint8_t> intact = mlp->metadata();
  CHECK(intact.size <= static_cast<int32_t>(sizeof entry));
  std::memcpy(entry, intact.data, static_cast<size_t>(intact.size));
  entry[12] ^= 1;  // fingerprint
  CHECK(trainer.Init(mlp->graph(), {entry, intact.size}) == Status::kMetadataDamaged);
  entry[12] ^= 1;
  entry[4] = tinyprop::wire::MetadataHeader::kLatestVersion + 1;
  CHECK(trainer.Init(mlp->graph(), {entry, intact.size}) == Status::kMetadataNewer);
  tinyprop::TrainingGraph failing = mlp->graph();
  failing.invoke = [](void*) { return false; };
  CHECK(trainer.Init(failing, intact) == Status::kInvokeFailed);
  CHECK(trainer.Step(0) == Status::kNotInitialized);
}

void RefusedCalls(Trainer* trainer) {
  const uint32_t before = WeightsCrc(*trainer);
  const int32_t labels[] = {1, 2, 3}, bad_labels[] = {1, kClasses};
  FillInputs(*trainer, 1);
  CHECK(trainer->Step(kClasses) == Status::kBadLabel);
  CHECK(trainer->Step(-1) == Status::kBadLabel);
  CHECK(trainer->Step(Span<const int32_t>(bad_labels, 2)) == Status::kBadLabel);
  CHECK(trainer->Step(Span<const int32_t>(labels, 3)) == Status::kBadArgument);
  CHECK(trainer->Step(Span<const int32_t>(labels, 0)) == Status::kBadArgument);
  const float target = 1.0f;
  CHECK(trainer->Step(Span<const float>(&target, 1)) == Status::kBadLabel);
  CHECK(trainer->SetLearningRate(FromBits(kInfinityBits)) == Status::kBadArgument);
  tinyprop::Control config = trainer->config();
  config.decay = 0.0f;
  CHECK(trainer->SetConfig(config) == Status::kBadArgument);
  CHECK(trainer->step() == 0);
  CHECK(WeightsCrc(*trainer) == before);
}

void NonFiniteInputs(Trainer* trainer) {
  const uint32_t before = WeightsCrc(*trainer);
  const int32_t labels[] = {1, 2};
  SampleResult results[2];
  for (const uint32_t bits : {kNanBits, kInfinityBits}) {
    FillInputs(*trainer, 2);
    for (int32_t b = 0; b < 2; ++b) trainer->Input(b).floats()[3] = FromBits(bits);
    CHECK(trainer->Step({labels, 2}, {results, 2}) == Status::kNonFinite);
    CHECK(results[0].status == SampleStatus::kNonFinite && results[1].status == SampleStatus::kNonFinite);
    CHECK(WeightsCrc(*trainer) == before);
  }
  FillInputs(*trainer, 2);
  trainer->Input(0).floats()[0] = FromBits(kNanBits);
  CHECK(trainer->Step({labels, 2}, {results, 2}) == Status::kOk);
  CHECK(results[0].status == SampleStatus::kNonFinite && results[1].status == SampleStatus::kTrained);
  CHECK(trainer->last_step().non_finite == 1 && trainer->last_step().trained == 1);
  CHECK(WeightsCrc(*trainer) != before);
  for (int32_t v = 0; v < trainer->metadata().variable_count(); ++v) CHECK(tinyprop::AllFinite(trainer->Variable(v)));
}

void Inputs(Trainer* trainer) {
  const float values[kFeatures + 1] = {0.5f, -1.0f};
  CHECK(trainer->SetInput(values, kFeatures, 1) == Status::kOk);
  CHECK(trainer->Input(1).floats()[1] == -1.0f);
  CHECK(trainer->SetInput(values, kFeatures + 1) == Status::kBadArgument);
  CHECK(trainer->SetInput(values, kFeatures, 2) == Status::kBadArgument);
  const int8_t bytes[kFeatures * 4] = {};
  CHECK(trainer->SetInput(bytes, kFeatures * 4) == Status::kBadArgument);
}

// An interpreter that another trainer has trained.
void SecondTrainer(Mlp* mlp, const Trainer& first) {
  const uint32_t trained = WeightsCrc(first);
  static Mlp fresh(5);
  Trainer second, expected;
  CHECK(second.Init(mlp->graph(), mlp->metadata()) == Status::kOk);
  CHECK(expected.Init(fresh.graph(), fresh.metadata()) == Status::kOk);
  CHECK(WeightsCrc(second) == WeightsCrc(expected));
  CHECK(WeightsCrc(second) != trained);
}

void TrainingAndReset(Trainer* trainer, const Trainer& other) {
  CHECK(trainer->Reset() == Status::kOk);
  const uint32_t exported = WeightsCrc(*trainer), others = WeightsCrc(other);
  const int32_t labels[] = {0, 3};
  FillInputs(*trainer, 3);
  CHECK(trainer->Predict() == Status::kOk);
  CHECK(WeightsCrc(*trainer) == exported);
  FillInputs(*trainer, 3);
  CHECK(trainer->Step({labels, 2}) == Status::kOk);
  CHECK(trainer->step() == 1);
  CHECK(WeightsCrc(*trainer) != exported);
  CHECK(WeightsCrc(other) == others);
  CHECK(trainer->Reset() == Status::kOk);
  CHECK(trainer->step() == 0);
  CHECK(WeightsCrc(*trainer) == exported);
}

// One sample in a graph for two is trained as in a graph for one.
void PartialBatch(Trainer* trainer) {
  static tinyprop::CoreMlp<1, kFeatures, 6, kClasses> single_mlp(5);
  Trainer single;
  CHECK(single.Init(single_mlp.graph(), single_mlp.metadata()) == Status::kOk);
  CHECK(single.SetLearningRate(trainer->learning_rate()) == Status::kOk);
  CHECK(trainer->Reset() == Status::kOk);
  FillInputs(single, 4);
  FillInputs(*trainer, 4);
  SampleResult alone, in_batch;
  CHECK(single.Step(2, &alone) == Status::kOk);
  CHECK(trainer->Step(2, &in_batch) == Status::kOk);
  CHECK(alone.status == SampleStatus::kTrained && in_batch.status == SampleStatus::kTrained);
  for (int32_t v = 0; v < single.metadata().variable_count(); ++v) {
    for (int32_t i = 0; i < single.Variable(v).size; ++i) {
      CHECK(IsNear(single.Variable(v)[i], trainer->Variable(v)[i]));
    }
  }
}

}  // namespace

int main() {
  static Mlp first_mlp(5), second_mlp(6);
  Crc();
  Schedules();
  RefusedModels(&first_mlp);
  Trainer first, second;
  CHECK(first.Init(first_mlp.graph(), first_mlp.metadata()) == Status::kOk);
  CHECK(second.Init(second_mlp.graph(), second_mlp.metadata()) == Status::kOk);
  CHECK(first.SetLearningRate(0.125f) == Status::kOk);
  CHECK(WeightsCrc(first) != WeightsCrc(second));
  RefusedCalls(&first);
  NonFiniteInputs(&first);
  TrainingAndReset(&first, second);
  PartialBatch(&first);
  Inputs(&first);
  SecondTrainer(&first_mlp, first);
  return check::Failures();
}
