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

// Some of the output channels.
struct Channels {
  int32_t first, count;
};

// Where the changes of a block of channels are summed.
struct Sums {
  float* weights;  // [KH, KW, block]; null if frozen
  float* bias;     // [block]
};

// Hands down all that is selected in some channels, or sums the changes that follow from it.
void ForEachSelected(const ConvGradParams& p, Channels block, const Sums* sums) {
  const ConvShape& s = p.shape;
  const int32_t multiplier = s.output_channels / s.input_channels;
  const int32_t tap_step = sums == nullptr ? s.output_channels : block.count;
  const Steps weight_steps = {s.filter_width * tap_step, tap_step};
  const Steps input_steps = {s.dilation_height * s.input_width * s.input_channels,
                             s.dilation_width * s.input_channels};
  const float* delta = p.delta + block.first;
  for (int32_t b = 0; b < s.batch; ++b) {
    for (int32_t oy = 0; oy < s.output_height; ++oy) {
      for (int32_t ox = 0; ox < s.output_width; ++ox, delta += s.output_channels) {
        int32_t i = NextSelected(delta, 1, 0, block.count);
        if (i == block.count) continue;
        const ClippedTaps y = ClipTaps(oy * s.stride_height - s.pad_top, s.filter_height,
                                       s.dilation_height, s.input_height);
        const ClippedTaps x = ClipTaps(ox * s.stride_width - s.pad_left, s.filter_width,
                                       s.dilation_width, s.input_width);
        const bool is_empty = y.count == 0 || x.count == 0;  // then only the bias takes part
        const int32_t input =
            is_empty ? 0 : ((b * s.input_height + y.position) * s.input_width + x.position) * s.input_channels;
        const int32_t tap = is_empty ? 0 : (y.first * s.filter_width + x.first) * tap_step;
        for (; i < block.count; i = NextSelected(delta, 1, i + 1, block.count)) {
          const int32_t oc = block.first + i;
          const int32_t at = input + (multiplier == 1 ? oc : oc / multiplier);
          if (sums == nullptr) {
            AddScaledTaps(y.count, x.count, delta[i], p.weights + tap + oc, weight_steps, p.input_delta + at,
                          input_steps);
            continue;
          }
          const float change = -p.step * delta[i];
          sums->bias[i] += change;
          if (sums->weights == nullptr) continue;
          AddScaledTaps(y.count, x.count, change, p.input + at, input_steps, sums->weights + tap + i, weight_steps);
        }
      }
    }
  }
}

void UpdateBlock(const ConvGradParams& p, Channels block) {
  const ConvShape& s = p.shape;
  const int32_t taps = p.trained_weights != nullptr ? s.filter_height * s.filter_width : 0;
  float* const bias_sums = p.scratch + taps * block.count;
  const Sums sums = {taps > 0 ? p.scratch : nullptr, bias_sums};
  Clear((taps + 1) * block.count, p.scratch);
  ForEachSelected(p, block, &sums);
  for (int32_t tap = 0; tap < taps; ++tap) {
    AddScaled(block.count, 1.0f, p.scratch + tap * block.count,
              p.trained_weights + tap * s.output_channels + block.first);
  }
  if (p.trained_bias != nullptr) AddScaled(block.count, 1.0f, bias_sums, p.trained_bias + block.first);
}

}  // namespace

void DepthwiseConv2DGrad(const ConvGradParams& p) {
  const ConvShape& s = p.shape;
  if (p.input_delta != nullptr) {
    Clear(s.batch * s.input_height * s.input_width * s.input_channels, p.input_delta);
    ForEachSelected(p, {0, s.output_channels}, nullptr);
  }
  if (p.trained_weights == nullptr && p.trained_bias == nullptr) return;
  for (int32_t oc = 0; oc < s.output_channels; oc += kDepthwiseBlock) {
    const int32_t left = s.output_channels - oc;
    UpdateBlock(p, {oc, left < kDepthwiseBlock ? left : kDepthwiseBlock});
  }
}

}  // namespace tinyprop
