#include "cc/core/conv_2d_grad.h"

#include "tests/cc/core/conv_grad_tester.h"

namespace tinyprop {
namespace testing {
namespace {

TEST_CASE("one call equals a gradient descent step on the batch") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 400; ++repeat) {
    const ConvGradTester tester(random, false, random.Uniform(0.0f, 1.0f));
    tester.Check(Conv2DGrad, Conv2DGradScratch, random.Chance(0.7), random.Chance(0.7), random.Chance(0.7));
  }
}

// One tap and an equal map are one long row of positions, with a batch in it; dilation then means nothing.
TEST_CASE("pointwise convolutions of several samples") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 100; ++repeat) {
    ConvShape shape;
    shape.batch = random.Int(1, 4);
    shape.input_height = shape.output_height = random.Int(1, 6);
    shape.input_width = shape.output_width = random.Int(1, 6);
    shape.input_channels = random.Int(1, 6);
    shape.output_channels = random.Int(1, 7);
    shape.dilation_height = random.Int(1, 3);
    shape.dilation_width = random.Int(1, 3);
    const ConvGradTester tester(random, false, random.Uniform(0.0f, 1.0f), shape);
    tester.Check(Conv2DGrad, Conv2DGradScratch, random.Chance(0.7), random.Chance(0.7), random.Chance(0.7));
  }
}

TEST_CASE("taps inside the input") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 2000; ++repeat) {
    const int32_t origin = random.Int(-12, 12), taps = random.Int(1, 5);
    const int32_t dilation = random.Int(1, 4), size = random.Int(1, 8);
    const ClippedTaps clipped = ClipTaps(origin, taps, dilation, size);
    int32_t count = 0;
    for (int32_t tap = 0; tap < taps; ++tap) {
      const int32_t position = origin + tap * dilation;
      if (position < 0 || position >= size) continue;
      CHECK(tap == clipped.first + count);
      CHECK(position == clipped.position + count * dilation);
      ++count;
    }
    CHECK(clipped.count == count);
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
