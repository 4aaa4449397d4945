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

TEST_CASE("four activations are supported") {
  for (int code = 0; code < 256; ++code) {
    CHECK(IsSupportedActivation(static_cast<uint8_t>(code)) == (code < 4));
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
