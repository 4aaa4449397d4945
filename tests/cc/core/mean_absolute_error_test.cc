#include "cc/core/mean_absolute_error.h"

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
    const std::vector<float> output = random.Normal(n);
    std::vector<float> target = random.Normal(n), delta(n, kNan);
    target[0] = output[0];
    const float loss = MeanAbsoluteError(SpanOf(output), SpanOf(target), SpanOf(delta));
    double expected = 0.0;
    for (int32_t i = 0; i < n; ++i) {
      const double error = static_cast<double>(output[i]) - target[i];
      expected += std::fabs(error) / n;
      CHECK(IsClose(delta[i], error > 0 ? 1.0 / n : error < 0 ? -1.0 / n : 0.0, 1.0 / n, 2));
    }
    CHECK(IsClose(loss, expected, expected, 6.0 + n));
  }
}

TEST_CASE("what is not finite shows in the loss") {
  for (float bad : {kNan, kInfinity, -kInfinity}) {
    const std::vector<float> output = {1.0f, bad}, target = {0.0f, 0.0f};
    std::vector<float> delta(2);
    CHECK_FALSE(std::isfinite(MeanAbsoluteError(SpanOf(output), SpanOf(target), SpanOf(delta))));
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
