#include "cc/core/conv_2d_grad.h"

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

  bool IsEmpty() const { return rows == 0; }

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

struct Geometry {
  explicit Geometry(const ConvShape& shape)
      : s(shape),
        weight_steps{s.filter_width * s.input_channels, s.input_channels},
        input_steps{s.dilation_height * s.input_width * s.input_channels,
                    s.dilation_width * s.input_channels},
        filter_size(s.filter_height * weight_steps.row),
        sample_size(s.input_height * s.input_width * s.input_channels),
        whole_rows(OutputsWithAllTaps(s.output_height, s.filter_height, s.stride_height,
                                      s.dilation_height, s.pad_top, s.input_height)),
        whole_columns(OutputsWithAllTaps(s.output_width, s.filter_width, s.stride_width,
                                         s.dilation_width, s.pad_left, s.input_width)) {}

  Patch At(int32_t oy, int32_t ox) const {
    const ClippedTaps y = ClipTaps(oy * s.stride_height - s.pad_top, s.filter_height,
                                   s.dilation_height, s.input_height);
    const ClippedTaps x = ClipTaps(ox * s.stride_width - s.pad_left, s.filter_width,
                                   s.dilation_width, s.input_width);
    Patch patch = {};
    if (y.count == 0 || x.count == 0) return patch;
    const bool rows_are_runs = s.dilation_width == 1;
    patch.rows = y.count;
    patch.columns = rows_are_runs ? 1 : x.count;
    patch.length = (rows_are_runs ? x.count : 1) * s.input_channels;
    patch.weights = (y.first * s.filter_width + x.first) * s.input_channels;
    patch.input = (y.position * s.input_width + x.position) * s.input_channels;
    return patch;
  }

  const ConvShape& s;
  const Steps weight_steps, input_steps;
  const int32_t filter_size, sample_size;  // elements
  const WholeRange whole_rows, whole_columns;
};

// Adds all that is pending to `y`. Both are patches of that form, with steps of their own.
void AddPending(const Patch& patch, const Steps& x_steps, const Steps& y_steps, ScaledArrays* pending, float* y) {
  for (int32_t column = patch.columns;;) {
    AddScaledRows(pending, patch.rows, patch.length, x_steps.row, y, y_steps.row);
    if (--column <= 0) break;  // without dilation
    for (int32_t i = 0; i < pending->count; ++i) pending->x[i] += x_steps.column;
    y += y_steps.column;
  }
  pending->count = 0;
}

// The same for as many as can be pending, which have one run a row as a rule.
inline void AddFull(const Patch& patch, const Steps& x_steps, const Steps& y_steps, ScaledArrays* pending, float* y) {
  if (patch.columns != 1) return AddPending(patch, x_steps, y_steps, pending, y);
  AddFourScaledRows(*pending, patch.rows, patch.length, x_steps.row, y, y_steps.row);
  pending->count = 0;
}

// Position by position, so that the channels selected there add to the same patch of the input.
void HandDown(const ConvGradParams& p, const Geometry& g) {
  const int32_t channels = g.s.output_channels;
  ScaledArrays pending;
  const float* delta = p.delta;
  float* sample = p.input_delta;
  for (int32_t b = 0; b < g.s.batch; ++b, sample += g.sample_size) {
    for (int32_t oy = 0; oy < g.s.output_height; ++oy) {
      for (int32_t ox = 0; ox < g.s.output_width; ++ox, delta += channels) {
        int32_t oc = NextSelected(delta, 1, 0, channels);
        if (oc == channels) continue;
        const Patch patch = g.At(oy, ox);
        if (patch.IsEmpty()) continue;
        const float* const filters = p.weights + patch.weights;
        float* const y = sample + patch.input;
        do {
          if (pending.Push(delta[oc], filters + oc * g.filter_size)) {
            AddFull(patch, g.weight_steps, g.input_steps, &pending, y);
          }
          oc = NextSelected(delta, 1, oc + 1, channels);
        } while (oc < channels);
        if (pending.count > 0) AddPending(patch, g.weight_steps, g.input_steps, &pending, y);
      }
    }
  }
}

// Sums the change of one filter, scaled patches of the input, together as long as the same taps take part.
class FilterChange {
 public:
  FilterChange(const Geometry& geometry, float* sum) : g_(geometry), sum_(sum) {}

  // A patch at which all taps take part, if those before it were so too. False if not: AddClipped then.
  bool AddWhole(float change, const float* patch) {
    if (!is_whole_) return false;
    if (pending_.Push(change, patch)) {
      AddFull(patch_, g_.input_steps, g_.weight_steps, &pending_, sum_ + patch_.weights);
    }
    return true;
  }

  // Any patch: that of output (oy, ox).
  void AddClipped(float change, const float* sample, int32_t oy, int32_t ox) {
    const Patch patch = g_.At(oy, ox);
    if (patch.IsEmpty()) return;
    if (patch_.IsEmpty()) {
      Clear(g_.filter_size, sum_);
    } else if (!patch.HasTapsOf(patch_)) {
      Flush();
    }
    patch_ = patch;
    is_whole_ = g_.whole_rows.Has(oy) && g_.whole_columns.Has(ox);
    if (pending_.Push(change, sample + patch.input)) Flush();
  }

  // Once, at the end: the filter is left alone if no tap took part.
  void AddTo(float* filter) {
    if (patch_.IsEmpty()) return;
    Flush();
    AddScaled(g_.filter_size, 1.0f, sum_, filter);
  }

 private:
  void Flush() {
    if (pending_.count == 0) return;
    AddPending(patch_, g_.input_steps, g_.weight_steps, &pending_, sum_ + patch_.weights);
  }

  const Geometry& g_;
  float* const sum_;
  Patch patch_ = {};  // what is pending has these taps; empty before the first one
  bool is_whole_ = false;  // all of them
  ScaledArrays pending_;
};

// Channel by channel, so that positions with the same taps add to the same part of the filter.
void UpdateChannel(const ConvGradParams& p, const Geometry& g, int32_t oc) {
  const int32_t width = g.s.output_width, channels = g.s.output_channels;
  const bool trains_weights = p.trained_weights != nullptr;
  FilterChange filter_change(g, p.scratch);
  const float step = -p.step;
  const float* delta = p.delta + oc;
  float bias_change = 0.0f;
  const int32_t next_patch = g.s.stride_width * g.s.input_channels;
  for (int32_t b = 0; b < g.s.batch; ++b) {
    const float* const sample = trains_weights ? p.input + b * g.sample_size : nullptr;
    for (int32_t oy = 0; oy < g.s.output_height; ++oy, delta += width * channels) {
      const bool is_whole_row = g.whole_rows.Has(oy);
      const WholeRange whole = is_whole_row ? g.whole_columns : WholeRange{0, 0};
      const int32_t y = is_whole_row ? oy * g.s.stride_height - g.s.pad_top : 0;
      const int32_t first_patch = (y * g.s.input_width - g.s.pad_left) * g.s.input_channels;
      for (int32_t ox = NextSelected(delta, channels, 0, width); ox < width;
           ox = NextSelected(delta, channels, ox + 1, width)) {
        const float change = step * delta[ox * channels];
        bias_change += change;
        if (!trains_weights) continue;
        if (whole.Has(ox) && filter_change.AddWhole(change, sample + (first_patch + ox * next_patch))) continue;
        filter_change.AddClipped(change, sample, oy, ox);
      }
    }
  }
  if (trains_weights) filter_change.AddTo(p.trained_weights + oc * g.filter_size);
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
    Clear(p.shape.batch * geometry.sample_size, p.input_delta);
    HandDown(p, geometry);
  }
  if (p.trained_weights == nullptr && p.trained_bias == nullptr) return;
  for (int32_t oc = 0; oc < p.shape.output_channels; ++oc) UpdateChannel(p, geometry, oc);
}

}  // namespace tinyprop
