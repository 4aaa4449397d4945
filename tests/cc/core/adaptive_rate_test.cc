#include "cc/core/adaptive_rate.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

Control Rates(float s_min, float s_max, float zeta) {
  return {0.1f, s_min, s_max, zeta, 0.0f, 1.0f, 0.5f, 1.0f};
}

TEST_CASE("local error is the sum of the magnitudes") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 500; ++repeat) {
    const std::vector<float> delta = random.Sparse(random.Int(0, 300), 0.3);
    double expected = 0.0;
    for (float d : delta) expected += std::fabs(d);
    CHECK(IsClose(LocalError(SpanOf(delta)), expected, expected, 3.0 + delta.size() / 4.0));
  }
}

TEST_CASE("local error shows a delta that is not finite") {
  for (int32_t n = 1; n < 10; ++n) {
    for (int32_t position = 0; position < n; ++position) {
      for (float bad : {kNan, kInfinity, -kInfinity}) {
        std::vector<float> delta(n, 1.0f);
        delta[position] = bad;
        CHECK_FALSE(std::isfinite(LocalError(SpanOf(delta))));
      }
    }
  }
}

TEST_CASE("running maximum") {
  CHECK(UpdateRunningMaximum(2.0f, 3.0f, 1.0f) == 3.0f);
  CHECK(UpdateRunningMaximum(4.0f, 3.0f, 1.0f) == 4.0f);
  CHECK(UpdateRunningMaximum(4.0f, 1.0f, 0.5f) == 2.0f);
  CHECK(UpdateRunningMaximum(0.0f, 0.0f, 0.5f) == 0.0f);
  CHECK(UpdateRunningMaximum(3e38f, 1.0f, 1.0f) == 3e38f);
  // What a damaged state holds is gone after a step.
  for (const float damaged : {kNan, kInfinity, -kInfinity, -1.0f}) {
    CHECK(UpdateRunningMaximum(damaged, 1.0f, 1.0f) == 1.0f);
    CHECK(UpdateRunningMaximum(damaged, 0.0f, 0.5f) == 0.0f);
  }
}

TEST_CASE("relative error") {
  CHECK(RelativeError(1.0f, 4.0f) == 0.25f);
  CHECK(RelativeError(4.0f, 1.0f) == 1.0f);
  CHECK(RelativeError(0.0f, 0.0f) == 0.0f);
  CHECK(RelativeError(1.0f, 0.0f) == 0.0f);
  CHECK(RelativeError(kNan, 1.0f) == 0.0f);
  CHECK(RelativeError(1.0f, kNan) == 0.0f);
}

TEST_CASE("rate is damped per layer and clipped") {
  CHECK(ErrorPropagationRate(Rates(0.25f, 0.75f, 0.5f), 0.5f, 0) == 0.5f);
  CHECK(ErrorPropagationRate(Rates(0.25f, 0.75f, 0.5f), 0.5f, 2) == 0.125f);
  CHECK(ErrorPropagationRate(Rates(0.5f, 1.0f, 2.0f), 1.0f, 3) == 1.0f);
  CHECK(ErrorPropagationRate(Rates(-1.0f, 0.5f, 1.0f), 0.0f, 0) == 0.0f);
  CHECK(ErrorPropagationRate(Rates(kNan, 0.5f, 1.0f), 0.5f, 0) == 0.0f);
}

TEST_CASE("gradient count is rounded to nearest and stays within 1 and n") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 2000; ++repeat) {
    const int32_t n = random.Int(1, 5000);
    const float rate = random.Uniform(0.0f, 1.0f);
    const double share = static_cast<double>(rate) * n;
    const int32_t k = GradientCount(rate, n, 1.0f);
    CHECK(k >= 1);
    CHECK(k <= n);
    CHECK((k == 1 || std::fabs(k - share) <= 0.5 + n * 1e-7));
  }
  CHECK(GradientCount(1.0f, 7, 0.0f) == 0);
  CHECK(GradientCount(1.0f, 7, kNan) == 0);
  CHECK(GradientCount(0.0f, 7, 1e-45f) == 1);
  CHECK(GradientCount(1.0f, 1 << 30, 1.0f) == 1 << 30);
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
