#include "cc/core/depthwise_conv_2d_grad.h"

#include <cstddef>
#include <cstring>

#include "cc/core/next_selected.h"

namespace tinyprop {
namespace {

// The taps of a filter inside the input at one position, as offsets of channel 0: rows x columns of them.
struct Taps {
  int32_t rows, columns;
  int32_t weights, weight_row, weight_column;
  int32_t input, input_row, input_column;
};

Taps TapsAt(const ConvShape& s, int32_t oy, int32_t ox) {
  const ClippedTaps y = ClipTaps(oy * s.stride_height - s.pad_top, s.filter_height, s.dilation_height,
                              s.input_height);
  const ClippedTaps x =
      ClipTaps(ox * s.stride_width - s.pad_left, s.filter_width, s.dilation_width, s.input_width);
  Taps taps;
  taps.rows = y.count;
  taps.columns = x.count;
  taps.weights = (y.first * s.filter_width + x.first) * s.output_channels;
  taps.weight_row = s.filter_width * s.output_channels;
  taps.weight_column = s.output_channels;
  taps.input = (y.position * s.input_width + x.position) * s.input_channels;
  taps.input_row = s.dilation_height * s.input_width * s.input_channels;
  taps.input_column = s.dilation_width * s.input_channels;
  return taps;
}

// y += a x over all taps of one channel.
void AddScaledTaps(int32_t rows, int32_t columns, float a, const float* __restrict x, int32_t x_row,
                   int32_t x_column, float* __restrict y, int32_t y_row, int32_t y_column) {
  for (; rows > 0; --rows, x += x_row, y += y_row) {
    const float* xc = x;
    float* yc = y;
    for (int32_t i = columns; i > 0; --i, xc += x_column, yc += y_column) *yc += a * *xc;
  }
}

void HandDown(const ConvGradParams& p, const Taps& t, int32_t sample, int32_t oc, int32_t ic,
              float delta) {
  AddScaledTaps(t.rows, t.columns, delta, p.weights + t.weights + oc, t.weight_row, t.weight_column,
                p.input_delta + sample + t.input + ic, t.input_row, t.input_column);
}

void Update(const ConvGradParams& p, const Taps& t, int32_t sample, int32_t oc, int32_t ic,
            float delta) {
  const float change = -p.step * delta;
  if (p.trained_bias != nullptr) p.trained_bias[oc] += change;
  if (p.trained_weights == nullptr) return;
  AddScaledTaps(t.rows, t.columns, change, p.input + sample + t.input + ic, t.input_row,
                t.input_column, p.trained_weights + t.weights + oc, t.weight_row, t.weight_column);
}

// One of the two for all that is selected.
template <typename Part>
void ForEachSelected(const ConvGradParams& p, Part part) {
  const ConvShape& s = p.shape;
  const int32_t channels = s.output_channels;
  const int32_t multiplier = channels / s.input_channels;
  const int32_t sample_size = s.input_height * s.input_width * s.input_channels;
  const float* delta = p.delta;
  for (int32_t b = 0; b < s.batch; ++b) {
    for (int32_t oy = 0; oy < s.output_height; ++oy) {
      for (int32_t ox = 0; ox < s.output_width; ++ox, delta += channels) {
        int32_t oc = NextSelected(delta, 1, 0, channels);
        if (oc == channels) continue;
        const Taps taps = TapsAt(s, oy, ox);
        for (; oc < channels; oc = NextSelected(delta, 1, oc + 1, channels)) {
          part(p, taps, b * sample_size, oc, multiplier == 1 ? oc : oc / multiplier, delta[oc]);
        }
      }
    }
  }
}

}  // namespace

void DepthwiseConv2DGrad(const ConvGradParams& p) {
  const ConvShape& s = p.shape;
  if (p.input_delta != nullptr) {
    const int32_t size = s.batch * s.input_height * s.input_width * s.input_channels;
    std::memset(p.input_delta, 0, sizeof(float) * static_cast<size_t>(size));
    ForEachSelected(p, HandDown);
  }
  if (p.trained_weights != nullptr || p.trained_bias != nullptr) ForEachSelected(p, Update);
}

}  // namespace tinyprop
