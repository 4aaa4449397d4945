#include "cc/core/conv_2d_grad.h"

#include <cstddef>
#include <cstring>

#include "cc/core/next_selected.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

// Where a filter meets the input, as runs of consecutive floats: rows x columns of them. Without dilation
// the taps of a filter row are one run; with dilation every tap is a run of its own.
struct Patch {
  int32_t rows, columns, length;
  int32_t weights;  // offset of the first run from the filter
  int32_t input;    // offset of the first run from the sample

  bool IsEmpty() const { return rows == 0 || columns == 0 || length == 0; }

  // True if the same taps take part, wherever they lie in the input.
  bool HasTapsOf(const Patch& other) const {
    return weights == other.weights && rows == other.rows && columns == other.columns &&
           length == other.length;
  }
};

// Distance from one run to the next, in one of the two arrays.
struct Steps {
  int32_t row, column;
};

class Geometry {
 public:
  explicit Geometry(const ConvShape& shape) : s_(shape) {}

  int32_t FilterSize() const { return s_.filter_height * WeightSteps().row; }
  int32_t SampleSize() const { return s_.input_height * s_.input_width * s_.input_channels; }
  Steps WeightSteps() const { return {s_.filter_width * s_.input_channels, s_.input_channels}; }
  Steps InputSteps() const {
    return {s_.dilation_height * s_.input_width * s_.input_channels,
            s_.dilation_width * s_.input_channels};
  }

  Patch At(int32_t oy, int32_t ox) const {
    const ClippedTaps y = ClipTaps(oy * s_.stride_height - s_.pad_top, s_.filter_height,
                                s_.dilation_height, s_.input_height);
    const ClippedTaps x = ClipTaps(ox * s_.stride_width - s_.pad_left, s_.filter_width,
                                s_.dilation_width, s_.input_width);
    Patch patch;
    patch.rows = y.count;
    const bool whole_rows = s_.dilation_width == 1;
    patch.columns = whole_rows ? 1 : x.count;
    patch.length = (whole_rows ? x.count : 1) * s_.input_channels;
    patch.weights = (y.first * s_.filter_width + x.first) * s_.input_channels;
    patch.input = (y.position * s_.input_width + x.position) * s_.input_channels;
    return patch;
  }

 private:
  const ConvShape& s_;
};

// Up to four additions of scaled arrays to one and the same array, done in one pass over it.
class Additions {
 public:
  // `y` and all `x` that are added are patches, the former with steps of y and the latter of x.
  Additions(Steps x_steps, Steps y_steps) : x_steps_(x_steps), y_steps_(y_steps) {}

  void Begin(const Patch& patch, float* y) {
    patch_ = patch;
    y_ = y;
  }
  const Patch& patch() const { return patch_; }

  void Add(float scale, const float* x) {
    scale_[count_] = scale;
    x_[count_] = x;
    if (++count_ == 4) Flush();
  }

  void Flush() {
    if (count_ == 0) return;
    for (int32_t row = 0; row < patch_.rows; ++row) {
      for (int32_t column = 0; column < patch_.columns; ++column) {
        AddRun(row * x_steps_.row + column * x_steps_.column,
               y_ + row * y_steps_.row + column * y_steps_.column);
      }
    }
    count_ = 0;
  }

 private:
  void AddRun(int32_t offset, float* y) const {
    if (count_ == 4) {
      AddFourScaled(patch_.length, scale_, x_, offset, y);
    } else {
      for (int32_t i = 0; i < count_; ++i) AddScaled(patch_.length, scale_[i], x_[i] + offset, y);
    }
  }

  Steps x_steps_, y_steps_;
  Patch patch_ = {};
  float* y_ = nullptr;
  int32_t count_ = 0;
  float scale_[4] = {};
  const float* x_[4] = {};
};

// Position by position, so that the channels selected there add to the same patch of the input.
void HandDown(const ConvGradParams& p, const Geometry& geometry) {
  const ConvShape& s = p.shape;
  const int32_t filter_size = geometry.FilterSize();
  Additions additions(geometry.WeightSteps(), geometry.InputSteps());
  const float* delta = p.delta;
  float* sample = p.input_delta;
  for (int32_t b = 0; b < s.batch; ++b, sample += geometry.SampleSize()) {
    for (int32_t oy = 0; oy < s.output_height; ++oy) {
      for (int32_t ox = 0; ox < s.output_width; ++ox, delta += s.output_channels) {
        int32_t oc = NextSelected(delta, 1, 0, s.output_channels);
        if (oc == s.output_channels) continue;
        const Patch patch = geometry.At(oy, ox);
        if (patch.IsEmpty()) continue;
        additions.Begin(patch, sample + patch.input);
        const float* filters = p.weights + patch.weights;
        for (; oc < s.output_channels; oc = NextSelected(delta, 1, oc + 1, s.output_channels)) {
          additions.Add(delta[oc], filters + oc * filter_size);
        }
        additions.Flush();
      }
    }
  }
}

// Channel by channel, so that positions with the same taps add to the same part of the filter.
void UpdateChannel(const ConvGradParams& p, const Geometry& geometry, int32_t oc) {
  const ConvShape& s = p.shape;
  const int32_t width = s.output_width, channels = s.output_channels;
  Additions additions(geometry.InputSteps(), geometry.WeightSteps());
  const float* delta = p.delta + oc;
  float bias_change = 0.0f;
  for (int32_t b = 0; b < s.batch; ++b) {
    for (int32_t oy = 0; oy < s.output_height; ++oy, delta += width * channels) {
      for (int32_t ox = NextSelected(delta, channels, 0, width); ox < width;
           ox = NextSelected(delta, channels, ox + 1, width)) {
        const float change = -p.step * delta[ox * channels];
        bias_change += change;
        if (p.trained_weights == nullptr) continue;
        const Patch patch = geometry.At(oy, ox);
        if (patch.IsEmpty()) continue;
        if (!patch.HasTapsOf(additions.patch())) {
          additions.Flush();
          additions.Begin(patch, p.trained_weights + oc * geometry.FilterSize() + patch.weights);
        }
        additions.Add(change, p.input + b * geometry.SampleSize() + patch.input);
      }
    }
  }
  additions.Flush();
  if (p.trained_bias != nullptr) p.trained_bias[oc] += bias_change;
}

// A 1 x 1 filter without strides sees one position after the other: one long row of them.
ConvShape Flattened(ConvShape s) {
  const bool one_tap = s.filter_height == 1 && s.filter_width == 1;
  const bool same_map = s.output_height == s.input_height && s.output_width == s.input_width &&
                        s.stride_height == 1 && s.stride_width == 1 && s.pad_top == 0 && s.pad_left == 0;
  if (one_tap && same_map) {
    s.input_width *= s.batch * s.input_height;
    s.output_width = s.input_width;
    s.batch = s.input_height = s.output_height = 1;
    s.dilation_width = 1;
  }
  return s;
}

}  // namespace

void Conv2DGrad(const ConvGradParams& params) {
  ConvGradParams p = params;
  p.shape = Flattened(params.shape);
  const Geometry geometry(p.shape);
  if (p.input_delta != nullptr) {
    const int32_t size = p.shape.batch * geometry.SampleSize();
    std::memset(p.input_delta, 0, sizeof(float) * static_cast<size_t>(size));
    HandDown(p, geometry);
  }
  if (p.trained_weights == nullptr && p.trained_bias == nullptr) return;
  for (int32_t oc = 0; oc < p.shape.output_channels; ++oc) UpdateChannel(p, geometry, oc);
}

}  // namespace tinyprop
