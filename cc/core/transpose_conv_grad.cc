#include "cc/core/transpose_conv_grad.h"

#include "cc/core/next_selected.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

// The taps of one axis through which an output is reached: tap, tap + stride and so on, `count` of them. They belong to the
// inputs position, position - 1 and so on.
struct ReachingTaps {
  int32_t tap, count, position;
};

ReachingTaps TapsReaching(int32_t output, int32_t pad, int32_t stride, int32_t taps, int32_t inputs) {
  const int32_t reach = output + pad;
  ReachingTaps found = {reach % stride, 0, reach / stride};
  const int32_t beyond = found.position - (inputs - 1);
  if (beyond > 0) {
    found.tap += beyond * stride;
    found.position -= beyond;
  }
  if (found.tap >= taps) return found;
  const int32_t most = (taps - 1 - found.tap) / stride + 1;
  found.count = most <= found.position ? most : found.position + 1;
  return found;
}

// Calls visit(offset into the input's map, offset into the filter) for every input and tap that reach output (oy, ox).
template <typename Visit>
void ForEachReaching(const ConvShape& s, int32_t oy, int32_t ox, const Visit& visit) {
  const ReachingTaps y = TapsReaching(oy, s.pad_top, s.stride_height, s.filter_height, s.input_height);
  const ReachingTaps x = TapsReaching(ox, s.pad_left, s.stride_width, s.filter_width, s.input_width);
  for (int32_t i = 0; i < y.count; ++i) {
    const int32_t row = (y.position - i) * s.input_width;
    const int32_t filter_row = (y.tap + i * s.stride_height) * s.filter_width;
    for (int32_t j = 0; j < x.count; ++j) {
      visit((row + x.position - j) * s.input_channels,
            (filter_row + x.tap + j * s.stride_width) * s.input_channels);
    }
  }
}

// Position by position: the inputs that reach one are the same for all channels selected there.
void HandDown(const ConvGradParams& p) {
  const ConvShape& s = p.shape;
  const int32_t filter_size = s.filter_height * s.filter_width * s.input_channels;
  const float* delta = p.delta;
  float* map = p.input_delta;
  for (int32_t b = 0; b < s.batch; ++b, map += s.input_height * s.input_width * s.input_channels) {
    for (int32_t oy = 0; oy < s.output_height; ++oy) {
      for (int32_t ox = 0; ox < s.output_width; ++ox, delta += s.output_channels) {
        for (int32_t oc = NextSelected(delta, 1, 0, s.output_channels); oc < s.output_channels;
             oc = NextSelected(delta, 1, oc + 1, s.output_channels)) {
          const float* const filter = p.weights + oc * filter_size;
          ForEachReaching(s, oy, ox, [&](int32_t input, int32_t tap) {
            AddScaled(s.input_channels, delta[oc], filter + tap, map + input);
          });
        }
      }
    }
  }
}

// Channel by channel, so that the changes of one filter are summed and added to it once.
void UpdateChannel(const ConvGradParams& p, int32_t oc) {
  const ConvShape& s = p.shape;
  const int32_t map_size = s.input_height * s.input_width * s.input_channels;
  const int32_t filter_size = s.filter_height * s.filter_width * s.input_channels;
  const bool trains_weights = p.trained_weights != nullptr;
  bool is_selected = false;
  const float* delta = p.delta + oc;
  float bias_change = 0.0f;
  for (int32_t b = 0; b < s.batch; ++b) {
    const float* const map = trains_weights ? p.input + b * map_size : nullptr;
    for (int32_t oy = 0; oy < s.output_height; ++oy, delta += s.output_width * s.output_channels) {
      for (int32_t ox = NextSelected(delta, s.output_channels, 0, s.output_width); ox < s.output_width;
           ox = NextSelected(delta, s.output_channels, ox + 1, s.output_width)) {
        const float change = -p.step * delta[ox * s.output_channels];
        bias_change += change;
        if (!trains_weights) continue;
        if (!is_selected) Clear(filter_size, p.scratch);
        is_selected = true;
        ForEachReaching(s, oy, ox, [&](int32_t input, int32_t tap) {
          AddScaled(s.input_channels, change, map + input, p.scratch + tap);
        });
      }
    }
  }
  if (is_selected) AddScaled(filter_size, 1.0f, p.scratch, p.trained_weights + oc * filter_size);
  if (p.trained_bias != nullptr) p.trained_bias[oc] += bias_change;
}

}  // namespace

void TransposeConvGrad(const ConvGradParams& p) {
  const ConvShape& s = p.shape;
  if (p.input_delta != nullptr) {
    Clear(s.batch * s.input_height * s.input_width * s.input_channels, p.input_delta);
    HandDown(p);
  }
  if (p.trained_weights == nullptr && p.trained_bias == nullptr) return;
  for (int32_t oc = 0; oc < s.output_channels; ++oc) UpdateChannel(p, oc);
}

}  // namespace tinyprop
