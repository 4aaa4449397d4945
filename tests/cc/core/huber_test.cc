#include "cc/core/huber.h"

#include <doctest/doctest.h>

#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

TEST_CASE("loss and gradient equal the formula") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 300; ++repeat) {
    const int32_t n = random.Int(1, 100);
    const float threshold = random.Uniform(0.05f, 3.0f);
    const std::vector<float> output = random.Normal(n), target = random.Normal(n);
    std::vector<float> delta(n, kNan);
    const float loss = Huber(SpanOf(output), SpanOf(target), threshold, SpanOf(delta));
    double expected = 0.0;
    for (int32_t i = 0; i < n; ++i) {
      const double error = static_cast<double>(output[i]) - target[i], size = std::fabs(error), d = threshold;
      expected += (size <= d ? error * error / 2 : d * size - d * d / 2) / n;
      CHECK(IsClose(delta[i], (size <= d ? error : error > 0 ? d : -d) / n, size / n, 8));
    }
    CHECK(IsClose(loss, expected, 1 + expected, 6.0 + n));
  }
}

TEST_CASE("at the threshold both pieces meet, and 0 is no error") {
  const std::vector<float> output = {2.0f, 0.0f, -3.0f}, target = {0.0f, 0.0f, 0.0f};
  std::vector<float> delta(3);
  CHECK(Huber(SpanOf(output), SpanOf(target), 2.0f, SpanOf(delta)) * 3.0f == doctest::Approx(2.0f + 4.0f));
  CHECK(delta[0] * 3.0f == doctest::Approx(2.0f));
  CHECK(delta[1] == 0.0f);
  CHECK(delta[2] * 3.0f == doctest::Approx(-2.0f));
}

TEST_CASE("what is not finite shows in the loss") {
  for (float bad : {kNan, kInfinity, -kInfinity}) {
    const std::vector<float> output = {1.0f, bad}, target = {0.0f, 0.0f};
    std::vector<float> delta(2);
    CHECK_FALSE(std::isfinite(Huber(SpanOf(output), SpanOf(target), 1.0f, SpanOf(delta))));
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
