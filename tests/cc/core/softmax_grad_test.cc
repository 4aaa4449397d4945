#include "cc/core/softmax_grad.h"

#include <doctest/doctest.h>

#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

TEST_CASE("the gradient equals the formula") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 500; ++repeat) {
    const int32_t rows = random.Int(1, 6), classes = random.Int(1, 60);
    const float beta = random.Uniform(0.1f, 3.0f);
    std::vector<float> output = random.Normal(rows * classes);
    for (float& y : output) y = std::fabs(y) / static_cast<float>(classes);
    const std::vector<float> before = random.Normal(rows * classes);
    std::vector<float> delta = before;
    SoftmaxGrad(beta, classes, SpanOf(output), SpanOf(delta));
    for (int32_t row = 0; row < rows; ++row) {
      double mean = 0.0, size = 0.0;
      for (int32_t i = row * classes; i < (row + 1) * classes; ++i) {
        mean += static_cast<double>(output[i]) * before[i];
        size += static_cast<double>(output[i]) * std::fabs(before[i]);
      }
      for (int32_t i = row * classes; i < (row + 1) * classes; ++i) {
        const double scale = static_cast<double>(beta) * output[i];
        CHECK(IsClose(delta[i], scale * (before[i] - mean), scale * (std::fabs(before[i]) + size),
                      6.0 + classes));
      }
    }
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
