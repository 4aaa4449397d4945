#include "cc/core/average_pool_2d_grad.h"

#include <doctest/doctest.h>

#include "tests/cc/core/random_pool.h"

namespace tinyprop {
namespace testing {
namespace {

TEST_CASE("every tap inside the map gets its share") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 600; ++repeat) {
    const Pool2DShape shape = RandomPool(&random);
    REQUIRE(EveryWindowHasATap(shape));
    const std::vector<float> delta = random.Normal(OutputSize(shape));
    std::vector<float> input_delta(InputSize(shape), kNan);
    AveragePool2DGrad(shape, delta.data(), input_delta.data());

    std::vector<double> expected(input_delta.size()), magnitude(input_delta.size());
    ForEachWindow(shape, [&](int32_t position, const std::vector<int32_t>& taps) {
      for (int32_t tap : taps) {
        expected[tap] += static_cast<double>(delta[position]) / taps.size();
        magnitude[tap] += std::fabs(delta[position]) / taps.size();
      }
    });
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK(IsClose(input_delta[i], expected[i], magnitude[i], 30));
    }
  }
}

TEST_CASE("a window without a tap is found") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 2000; ++repeat) {
    Pool2DShape shape = RandomPool(&random);
    shape.output_height = random.Int(1, 12);
    shape.output_width = random.Int(1, 12);
    shape.pad_top = random.Int(0, 6);
    shape.pad_left = random.Int(0, 6);
    bool all = true;
    ForEachWindow(shape, [&](int32_t, const std::vector<int32_t>& taps) { all &= !taps.empty(); });
    CHECK(EveryWindowHasATap(shape) == all);
  }
  Pool2DShape huge;
  huge.output_height = huge.output_width = INT32_MAX;
  huge.input_height = huge.input_width = INT32_MAX;
  huge.stride_height = huge.stride_width = UINT16_MAX;
  CHECK_FALSE(EveryWindowHasATap(huge));
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
