#include "cc/core/binary_cross_entropy.h"

#include <doctest/doctest.h>

#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

TEST_CASE("loss and gradient equal the formula") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 500; ++repeat) {
    const int32_t n = random.Int(1, 40);
    const float smoothing = repeat % 2 == 0 ? 0.0f : random.Uniform(0.0f, 1.0f);
    std::vector<float> logits = random.Normal(n), label(n), delta(n, kNan);
    const float scale = std::pow(10.0f, random.Uniform(-2.0f, 4.0f));
    for (float& z : logits) z *= scale;
    for (float& t : label) t = repeat % 3 == 0 ? random.Uniform(0.0f, 1.0f) : static_cast<float>(random.Int(0, 1));
    const float loss = BinaryCrossEntropy(SpanOf(logits), SpanOf(label), smoothing, SpanOf(delta));
    double expected = 0.0;
    for (int32_t i = 0; i < n; ++i) {
      const double z = logits[i], t = label[i] * (1.0 - smoothing) + 0.5 * smoothing;
      expected += std::fmax(z, 0.0) - z * t + std::log1p(std::exp(-std::fabs(z)));
      CHECK(IsClose(delta[i], (1.0 / (1.0 + std::exp(-z)) - t) / n, 1.0 / n, 12));
    }
    CHECK(IsClose(loss, expected / n, 1.0 + expected / n, 12.0 + n));
  }
}

TEST_CASE("a sample that is known keeps the digits of its small loss and delta") {
  for (const float sign : {1.0f, -1.0f}) {
    const std::vector<float> logits = {20.0f * sign}, label = {sign > 0 ? 1.0f : 0.0f};
    std::vector<float> delta(1);
    const double p = std::exp(-20.0) / (1.0 + std::exp(-20.0));
    const float loss = BinaryCrossEntropy(SpanOf(logits), SpanOf(label), 0.0f, SpanOf(delta));
    CHECK(IsClose(loss, std::log1p(std::exp(-20.0)), p, 16));
    CHECK(IsClose(delta[0], -sign * p, p, 16));
  }
}

TEST_CASE("the largest finite logits do not overflow") {
  const std::vector<float> logits = {3e38f, -3e38f}, label = {1.0f, 0.0f}, wrong = {0.0f, 1.0f};
  std::vector<float> delta(2);
  CHECK(BinaryCrossEntropy(SpanOf(logits), SpanOf(label), 0.0f, SpanOf(delta)) == 0.0f);
  CHECK(delta == std::vector<float>{0.0f, 0.0f});
  const std::vector<float> one = {1e4f, -1e4f};
  CHECK(BinaryCrossEntropy(SpanOf(one), SpanOf(wrong), 0.0f, SpanOf(delta)) == 1e4f);
  CHECK(delta == std::vector<float>{0.5f, -0.5f});
}

TEST_CASE("what is not finite shows in the loss") {
  for (float bad : {kNan, kInfinity, -kInfinity}) {
    for (float t : {0.0f, 0.5f, 1.0f}) {
      const std::vector<float> logits = {1.0f, bad}, label = {1.0f, t};
      std::vector<float> delta(2);
      CHECK_FALSE(std::isfinite(BinaryCrossEntropy(SpanOf(logits), SpanOf(label), 0.0f, SpanOf(delta))));
    }
  }
  const std::vector<float> logits = {1.0f}, label = {kNan};
  std::vector<float> delta(1);
  CHECK_FALSE(std::isfinite(BinaryCrossEntropy(SpanOf(logits), SpanOf(label), 0.0f, SpanOf(delta))));
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
