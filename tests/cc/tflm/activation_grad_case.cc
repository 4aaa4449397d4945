// TinyPropActivationGrad:  y = act(x), element by element.
#include "cc/core/activation.h"
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/pool_case.h"

namespace tinyprop {
namespace testing {
namespace {

double Activate(ElementwiseActivation kind, double slope, double x) {
  switch (kind) {
    case ElementwiseActivation::kNone:
      return x;
    case ElementwiseActivation::kRelu:
      return std::fmax(0, x);
    case ElementwiseActivation::kReluN1To1:
      return std::fmin(std::fmax(-1, x), 1);
    case ElementwiseActivation::kRelu6:
      return std::fmin(std::fmax(0, x), 6);
    case ElementwiseActivation::kLeakyRelu:
      return x > 0 ? x : slope * x;
    case ElementwiseActivation::kTanh:
      return std::tanh(x);
    case ElementwiseActivation::kLogistic:
      return 1 / (1 + std::exp(-x));
    case ElementwiseActivation::kElu:
      return x < 0 ? std::expm1(x) : x;
    case ElementwiseActivation::kHardSwish:
      return x * std::fmin(std::fmax(0, x + 3), 6) / 6;
  }
  return 0;
}

// Of a point beside all kinds' kinks.
double Slope(ElementwiseActivation kind, double slope, double x) {
  constexpr double kStep = 1e-6;
  return (Activate(kind, slope, x + kStep) - Activate(kind, slope, x - kStep)) / (2 * kStep);
}

float BesideKinks(float x) {
  for (float kink : {-3.0f, -1.0f, 0.0f, 1.0f, 3.0f, 6.0f}) {
    if (std::fabs(x - kink) < 0.01f) return x + 0.05f;
  }
  return x;
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  const auto kind = static_cast<ElementwiseActivation>(is_benchmark ? 1 : random.Int(0, kElementwiseActivationCount - 1));
  const double slope = 0.25;
  const int batch = is_benchmark ? 1 : random.Int(1, 3), n = is_benchmark ? 1024 : random.Int(1, 12);
  const std::vector<int> dims = {batch, n};
  std::vector<double> x;
  std::vector<float> reference;
  for (float value : random.Normal(batch * n)) {
    x.push_back(BesideKinks(3 * value));
    reference.push_back(static_cast<float>(NeedsActivationInput(kind) ? x.back() : Activate(kind, slope, x.back())));
  }
  const std::vector<float> delta = random.Normal(batch * n);
  ActivationGradOptions options;
  options.kind = static_cast<uint8_t>(kind);
  options.slope = static_cast<float>(slope);
  OpCase op;
  op.name = "ActivationGrad";
  op.registration = &RegisterActivationGrad();
  op.options = OptionBytes(options);
  op.tensors = {Floats("delta", dims, delta, CaseTensor::kMutable), Floats("reference", dims, reference),
                Ints("gate", {batch}, RandomGate(random, batch))};
  op["gate"].free_axes = {0};
  op.expect = [=](const OpCase& before) {
    Expectation expected = {"delta", {}, {}, 1 << 14};  // the differences' own error
    for (size_t i = 0; i < x.size(); ++i) {
      expected.value.push_back(before["delta"].floats[i] * Slope(kind, slope, x[i]));
      expected.magnitude.push_back(std::fabs(before["delta"].floats[i]) * (1 + std::fabs(x[i])));
    }
    return std::vector<Expectation>{expected};
  };
  op.no_gradient = "the expectation is a difference of the forward function already";
  op.refused.emplace_back("an unknown kind", [](OpCase& changed) { changed.options[4] = kElementwiseActivationCount; });
  op.refused.emplace_back("a batch that does not divide delta", [=](OpCase& changed) {
    changed["gate"].dims = {batch * n + 1};
    changed["gate"].ints.assign(static_cast<size_t>(batch * n + 1), 1);
  });
  return op;
}

const OpCaseRegistration registered("ActivationGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
