#include "cc/core/depthwise_conv_2d_grad.h"

#include "tests/cc/core/conv_grad_tester.h"

namespace tinyprop {
namespace testing {
namespace {

TEST_CASE("one call equals a gradient descent step on the batch") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 400; ++repeat) {
    const ConvGradTester tester(random, true, random.Uniform(0.0f, 1.0f));
    tester.Check(DepthwiseConv2DGrad, random.Chance(0.7), random.Chance(0.7), random.Chance(0.7));
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
