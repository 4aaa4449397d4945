#include "cc/core/max_pool_2d_grad.h"

#include <doctest/doctest.h>

#include "tests/cc/core/random_pool.h"

namespace tinyprop {
namespace testing {
namespace {

TEST_CASE("the first largest tap of each window gets its gradient") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 600; ++repeat) {
    const Pool2DShape shape = RandomPool(&random);
    const std::vector<float> delta = random.Sparse(OutputSize(shape), random.Chance(0.5) ? 0.9 : 0.0);
    std::vector<float> input = random.Normal(InputSize(shape));
    if (random.Chance(0.5)) {
      for (float& x : input) x = static_cast<float>(random.Int(-1, 1));  // ties
    }
    std::vector<float> output(delta.size());
    std::vector<double> expected(input.size()), magnitude(input.size());
    ForEachWindow(shape, [&](int32_t position, const std::vector<int32_t>& taps) {
      int32_t first = taps[0];
      for (int32_t tap : taps) first = input[tap] > input[first] ? tap : first;
      output[position] = input[first];
      expected[first] += delta[position];
      magnitude[first] += std::fabs(delta[position]);
    });

    std::vector<float> input_delta(input.size(), kNan);
    MaxPool2DGrad(shape, delta.data(), input.data(), output.data(), input_delta.data());
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK(IsClose(input_delta[i], expected[i], magnitude[i], 25));
    }
  }
}

TEST_CASE("an output that is no tap passes nothing on") {
  Random random;
  INFO(random.Repeat());
  for (float y : {kNan, kInfinity, 50.0f}) {
    const Pool2DShape shape = RandomPool(&random);
    const std::vector<float> delta = random.Normal(OutputSize(shape));
    const std::vector<float> input = random.Normal(InputSize(shape)), output(delta.size(), y);
    std::vector<float> input_delta(input.size(), kNan);
    MaxPool2DGrad(shape, delta.data(), input.data(), output.data(), input_delta.data());
    CHECK(input_delta == std::vector<float>(input.size(), 0.0f));
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
