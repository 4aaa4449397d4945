#include "cc/core/activation.h"

#include <doctest/doctest.h>

#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

bool LetsThrough(Activation activation, float y) {
  switch (activation) {
    case Activation::kNone:
      return true;
    case Activation::kRelu:
      return y > 0.0f;
    case Activation::kReluN1To1:
      return y > -1.0f && y < 1.0f;
    case Activation::kRelu6:
      return y > 0.0f && y < 6.0f;
  }
  return false;
}

TEST_CASE("the gradient passes strictly inside the activation's range") {
  Random random;
  INFO(random.Repeat());
  const float special[] = {0.0f, -0.0f, 1.0f, -1.0f, 6.0f, 7.0f, kNan, kInfinity, -kInfinity};
  for (int repeat = 0; repeat < 400; ++repeat) {
    const auto activation = static_cast<Activation>(random.Int(0, 3));
    const int32_t n = random.Int(1, 70);
    std::vector<float> output = random.Normal(n);
    for (float& y : output) y = random.Chance(0.3) ? special[random.Int(0, 8)] : 4.0f * y;
    const std::vector<float> before = random.Normal(n);
    std::vector<float> delta = before;
    ActivationGrad(activation, SpanOf(output), SpanOf(delta));
    for (int32_t i = 0; i < n; ++i) {
      CHECK(delta[i] == (LetsThrough(activation, output[i]) ? before[i] : 0.0f));
    }
  }
}

TEST_CASE("no activation reads no output") {
  std::vector<float> delta = {1.0f, -2.0f};
  ActivationGrad(Activation::kNone, {}, SpanOf(delta));
  CHECK(delta == std::vector<float>{1.0f, -2.0f});
}

double Slope(ElementwiseActivation kind, double slope, double reference) {
  switch (kind) {
    case ElementwiseActivation::kLeakyRelu:
      return reference > 0.0 ? 1.0 : slope;
    case ElementwiseActivation::kTanh:
      return 1.0 - reference * reference;
    case ElementwiseActivation::kLogistic:
      return reference * (1.0 - reference);
    case ElementwiseActivation::kHardSwish:
      if (reference <= -3.0) return 0.0;
      return reference >= 3.0 ? 1.0 : (2.0 * reference + 3.0) / 6.0;
    case ElementwiseActivation::kElu:
      return reference < 0.0 ? reference + 1.0 : 1.0;
    default:
      return LetsThrough(static_cast<Activation>(kind), static_cast<float>(reference)) ? 1.0 : 0.0;
  }
}

TEST_CASE("the gradient of elementwise activations equals the formula") {
  Random random;
  INFO(random.Repeat());
  const float special[] = {0.0f, -0.0f, 1.0f, -1.0f, 3.0f, -3.0f, 6.0f};
  for (int repeat = 0; repeat < 800; ++repeat) {
    const auto kind = static_cast<ElementwiseActivation>(random.Int(0, kElementwiseActivationCount - 1));
    const bool bounded =
        kind == ElementwiseActivation::kTanh || kind == ElementwiseActivation::kLogistic;
    const int32_t n = random.Int(1, 70);
    const float slope = random.Uniform(-0.5f, 1.5f);
    std::vector<float> reference = random.Normal(n);
    for (float& r : reference) r = random.Chance(0.3) ? special[random.Int(0, 6)] : 3.0f * r;
    if (bounded) {
      for (float& r : reference) r = std::tanh(r);
    }
    const std::vector<float> before = random.Normal(n);
    std::vector<float> delta = before;
    ElementwiseActivationGrad(kind, slope, SpanOf(reference), SpanOf(delta));
    for (int32_t i = 0; i < n; ++i) {
      const double magnitude = std::fabs(before[i]) * (2.0 + std::fabs(reference[i]));
      CHECK(IsClose(delta[i], before[i] * Slope(kind, slope, reference[i]), magnitude, 4));
    }
  }
}

TEST_CASE("NaN blocks the gradient of the clipped kinds only") {
  const std::vector<float> reference = {kNan};
  for (uint8_t code = 0; code < kElementwiseActivationCount; ++code) {
    std::vector<float> delta = {1.0f};
    ElementwiseActivationGrad(static_cast<ElementwiseActivation>(code), 0.5f, SpanOf(reference),
                              SpanOf(delta));
    if (code >= 1 && code <= 3) CHECK(delta[0] == 0.0f);
    if (code >= 5) CHECK(std::isnan(delta[0]));
  }
}

TEST_CASE("which kinds look at the activation's input") {
  CHECK(NeedsActivationInput(ElementwiseActivation::kHardSwish));
  CHECK_FALSE(NeedsActivationInput(ElementwiseActivation::kTanh));
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
