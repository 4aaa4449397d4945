#include "cc/core/depthwise_conv_2d_grad.h"

#include <cstddef>

#include "cc/core/next_selected.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

// Distance from one tap to the next of the same channel, in one of the two arrays.
struct Steps {
  std::ptrdiff_t row, column;
};

// y += a x over rows x columns taps of one channel.
void AddScaledTaps(int32_t rows, int32_t columns, float a, const float* __restrict x, Steps x_steps,
                   float* __restrict y, Steps y_steps) {
  const std::ptrdiff_t xs = x_steps.column, ys = y_steps.column;
  for (; rows > 0; --rows, x += x_steps.row, y += y_steps.row) {
    if (columns == 3) {  // the filters of most networks
      const float y0 = y[0] + a * x[0];
      const float y1 = y[ys] + a * x[xs];
      const float y2 = y[2 * ys] + a * x[2 * xs];
      y[0] = y0;
      y[ys] = y1;
      y[2 * ys] = y2;
      continue;
    }
    const float* tap_x = x;
    float* tap_y = y;
    for (int32_t i = columns; i > 0; --i, tap_x += xs, tap_y += ys) *tap_y += a * *tap_x;
  }
}

// Hands down all that is selected, or updates with all that is selected.
void ForEachSelected(const ConvGradParams& p, bool hands_down) {
  const ConvShape& s = p.shape;
  const int32_t channels = s.output_channels;
  const int32_t multiplier = channels / s.input_channels;
  const Steps weight_steps = {s.filter_width * channels, channels};
  const Steps input_steps = {s.dilation_height * s.input_width * s.input_channels,
                             s.dilation_width * s.input_channels};
  const float* delta = p.delta;
  for (int32_t b = 0; b < s.batch; ++b) {
    for (int32_t oy = 0; oy < s.output_height; ++oy) {
      for (int32_t ox = 0; ox < s.output_width; ++ox, delta += channels) {
        int32_t oc = NextSelected(delta, 1, 0, channels);
        if (oc == channels) continue;
        const ClippedTaps y = ClipTaps(oy * s.stride_height - s.pad_top, s.filter_height,
                                       s.dilation_height, s.input_height);
        const ClippedTaps x = ClipTaps(ox * s.stride_width - s.pad_left, s.filter_width,
                                       s.dilation_width, s.input_width);
        const bool is_empty = y.count == 0 || x.count == 0;  // then only the bias takes part
        const int32_t input =
            is_empty ? 0 : ((b * s.input_height + y.position) * s.input_width + x.position) * s.input_channels;
        const int32_t weights = is_empty ? 0 : (y.first * s.filter_width + x.first) * channels;
        for (; oc < channels; oc = NextSelected(delta, 1, oc + 1, channels)) {
          const int32_t ic = multiplier == 1 ? oc : oc / multiplier;
          if (hands_down) {
            AddScaledTaps(y.count, x.count, delta[oc], p.weights + weights + oc, weight_steps,
                          p.input_delta + input + ic, input_steps);
            continue;
          }
          const float change = -p.step * delta[oc];
          if (p.trained_bias != nullptr) p.trained_bias[oc] += change;
          if (p.trained_weights == nullptr) continue;
          AddScaledTaps(y.count, x.count, change, p.input + input + ic, input_steps,
                        p.trained_weights + weights + oc, weight_steps);
        }
      }
    }
  }
}

}  // namespace

void DepthwiseConv2DGrad(const ConvGradParams& p) {
  const ConvShape& s = p.shape;
  if (p.input_delta != nullptr) {
    Clear(s.batch * s.input_height * s.input_width * s.input_channels, p.input_delta);
    ForEachSelected(p, true);
  }
  if (p.trained_weights != nullptr || p.trained_bias != nullptr) ForEachSelected(p, false);
}

}  // namespace tinyprop
