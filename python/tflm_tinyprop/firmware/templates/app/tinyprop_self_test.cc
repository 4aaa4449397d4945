#include "tinyprop_self_test.h"

#include <cstring>

#include "tinyprop_self_test_data.h"
#include "tinyprop_text.h"

namespace tinyprop_app {
namespace {

using tinyprop::Status;
using tinyprop::TensorView;

template <typename T>
bool WriteValues(const T* values, int32_t elements, const TensorView& to) {
  if (to.data == nullptr || to.bytes != elements * static_cast<int32_t>(sizeof(T))) return false;
  std::memcpy(to.data, values, static_cast<size_t>(to.bytes));
  return true;
}

// Generated samples of float inputs are kept as bytes: 1 stands for 1/64.
bool WriteValues(const SixtyFourth* values, int32_t elements, const TensorView& to) {
  const tinyprop::Span<float> floats = to.floats();
  if (floats.size != elements) return false;
  for (int32_t i = 0; i < elements; ++i) floats[i] = static_cast<float>(values[i].count) / 64.0f;
  return true;
}

// Not a comparison that NaN passes.
bool IsNear(float value, float expected, float tolerance) {
  return value >= expected - tolerance && value <= expected + tolerance;
}

bool Check(const char* what, float value, float expected, float tolerance) {
  if (IsNear(value, expected, tolerance)) return true;
  TINYPROP_LOG("self-test: %s is %s, expected %s +- %s", what, Decimal(value).text, Decimal(expected).text,
               Decimal(tolerance).text);
  return false;
}

bool Check(const char* what, Status status) {
  if (status == Status::kOk) return true;
  TINYPROP_LOG("self-test: %s: %s", what, tinyprop::StatusText(status));
  return false;
}

bool CheckWeight(const tinyprop::Trainer& trainer, const char* what, float expected, float tolerance) {
  const tinyprop::Span<const float> weights = trainer.Variable(kWeightVariable);
  if (kWeightElement >= weights.size) {
    TINYPROP_LOG("self-test: the model has no variable %d with %d elements", static_cast<int>(kWeightVariable),
                 static_cast<int>(kWeightElement) + 1);
    return false;
  }
  return Check(what, weights[kWeightElement], expected, tolerance);
}

bool WriteInputs(const tinyprop::Trainer& trainer, int32_t slot) {
  return ForEachSampleInput([&](int32_t position, const auto* values, int32_t elements) {
    return WriteValues(values, elements, trainer.Input(slot, position));
  });
}

bool TrainOnce(tinyprop::Trainer* trainer) {
  if (!WriteInputs(*trainer, 0)) {
    TINYPROP_LOG("self-test: the sample does not fit the model's inputs");
    return false;
  }
  if (!Check("learning rate", trainer->SetLearningRate(kSelfTestLearningRate))) return false;
  tinyprop::SampleResult result;
  const Status status = trainer->Step(tinyprop::Span<const LabelElement>(kSampleLabel, kLabelElements),
                                      tinyprop::Span<tinyprop::SampleResult>(&result, 1));
  if (!Check("training step", status)) return false;
  if (result.skipped()) {
    TINYPROP_LOG("self-test: the sample was skipped, expected to be trained");
    return false;
  }
  return Check("loss", result.loss, kExpectedLoss, kLossTolerance);
}

}  // namespace

bool WriteSelfTestSample(const tinyprop::Trainer& trainer, int32_t slot, LabelElement* label) {
  std::memcpy(label, kSampleLabel, sizeof kSampleLabel);
  return WriteInputs(trainer, slot);
}

bool RunSelfTest(tinyprop::Trainer* trainer) {
  const bool passed = CheckWeight(*trainer, "weight before the step", kExportedWeight, 0.0f) && TrainOnce(trainer) &&
                      CheckWeight(*trainer, "weight after the step", kExpectedWeight, kWeightTolerance);
  const bool restored = Check("reset", trainer->Reset()) &&
                        CheckWeight(*trainer, "weight after the reset", kExportedWeight, 0.0f);
  trainer->ResetStatistics();
  if (passed && restored) TINYPROP_LOG("self-test: passed");
  return passed && restored;
}

}  // namespace tinyprop_app
