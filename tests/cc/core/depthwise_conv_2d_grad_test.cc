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
    tester.Check(DepthwiseConv2DGrad, DepthwiseConv2DGradScratch, random.Chance(0.7), random.Chance(0.7), random.Chance(0.7));
  }
}

TEST_CASE("channels in several blocks") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 40; ++repeat) {
    ConvShape shape;
    shape.batch = random.Int(1, 2);
    shape.input_height = shape.output_height = random.Int(1, 4);
    shape.input_width = shape.output_width = random.Int(1, 4);
    shape.filter_height = shape.filter_width = 3;
    shape.pad_top = shape.pad_left = 1;
    const int32_t multiplier = random.Int(1, 2), near = random.Int(-1, 1);
    shape.input_channels = (random.Int(1, 3) * kDepthwiseBlock + near) / multiplier;
    shape.output_channels = shape.input_channels * multiplier;
    const ConvGradTester tester(random, true, random.Uniform(0.0f, 1.0f), shape);
    tester.Check(DepthwiseConv2DGrad, DepthwiseConv2DGradScratch, random.Chance(0.7), random.Chance(0.7), random.Chance(0.7));
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
