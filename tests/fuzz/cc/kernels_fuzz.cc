// The kernels of the layers and of pooling against plain loops. All values are small integers, so that results are equal bit by
// bit whatever the order of the sums.
#include <functional>

#include "cc/core/average_pool_2d_grad.h"
#include "cc/core/conv_2d_grad.h"
#include "cc/core/depthwise_conv_2d_grad.h"
#include "cc/core/fully_connected_grad.h"
#include "cc/core/max_pool_2d_grad.h"
#include "cc/core/transpose_conv_grad.h"
#include "tests/fuzz/cc/fuzz.h"

namespace tinyprop {
namespace {

using Values = std::vector<float>;
// Calls visit(index into delta, into the weights, into the input) for every product of the forward pass.
using Products = std::function<void(const std::function<void(size_t, size_t, size_t)>& visit)>;

struct Layer {
  Values delta, input, weights, bias;
  Products products;
  std::function<size_t(size_t)> unit_of;  // of an element of delta
};

bool Same(const Values& a, const Values& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;  // -0 and 0 are the same
  }
  return true;
}

// Which parts take part, as an op would have it.
struct Parts {
  explicit Parts(FuzzedDataProvider& input) : weights(input.ConsumeBool()), bias(input.ConsumeBool()), hands_down(input.ConsumeBool()) {}
  bool weights, bias, hands_down;
};

void Check(const Layer& layer, const Parts& parts, LayerGradParams* params, const std::function<void()>& run) {
  Values weights = layer.weights, bias = layer.bias, input_delta(parts.hands_down ? layer.input.size() : 0, 77.0f);
  params->step = 1.0f;
  params->delta = layer.delta.data();
  params->input = parts.weights ? layer.input.data() : nullptr;
  params->weights = weights.data();
  params->trained_weights = parts.weights ? weights.data() : nullptr;
  params->trained_bias = parts.bias ? bias.data() : nullptr;
  params->input_delta = parts.hands_down ? input_delta.data() : nullptr;
  run();
  Values expected_weights = layer.weights, expected_bias = layer.bias, expected_delta(input_delta.size(), 0.0f);
  layer.products([&](size_t d, size_t w, size_t x) {
    if (parts.weights) expected_weights[w] -= layer.delta[d] * layer.input[x];
    if (parts.hands_down) expected_delta[x] += layer.delta[d] * layer.weights[w];
  });
  for (size_t d = 0; d < layer.delta.size() && parts.bias; ++d) expected_bias[layer.unit_of(d)] -= layer.delta[d];
  FUZZ_CHECK(Same(weights, expected_weights) && Same(bias, expected_bias) && Same(input_delta, expected_delta));
}

void FullyConnected(FuzzedDataProvider& input) {
  FullyConnectedGradParams params;
  params.rows = input.ConsumeIntegralInRange<int32_t>(1, 4);
  params.inputs = input.ConsumeIntegralInRange<int32_t>(1, 19);
  params.units = input.ConsumeIntegralInRange<int32_t>(1, 19);
  const Parts parts(input);
  Layer layer;
  layer.delta = fuzz::SmallIntegers(input, params.rows * params.units, 0.5);
  layer.weights = fuzz::SmallIntegers(input, params.units * params.inputs, 0.1);
  layer.input = fuzz::SmallIntegers(input, params.rows * params.inputs, 0.1);
  layer.bias = fuzz::SmallIntegers(input, params.units, 0.1);
  const auto rows = static_cast<size_t>(params.rows), inputs = static_cast<size_t>(params.inputs), units = static_cast<size_t>(params.units);
  layer.unit_of = [=](size_t d) { return d % units; };
  layer.products = [=](const auto& visit) {
    for (size_t r = 0; r < rows; ++r) {
      for (size_t u = 0; u < units; ++u) {
        for (size_t i = 0; i < inputs; ++i) visit(r * units + u, u * inputs + i, r * inputs + i);
      }
    }
  };
  Check(layer, parts, &params, [&] { FullyConnectedGrad(params); });
}

// Sizes of one axis that fit each other: positions of a filter on what it covers.
struct Axis {
  Axis(FuzzedDataProvider& input, bool is_dilated) {
    covered = input.ConsumeIntegralInRange<int32_t>(1, 9);
    taps = input.ConsumeIntegralInRange<int32_t>(1, 5);
    stride = input.ConsumeIntegralInRange<int32_t>(1, 3);
    dilation = is_dilated ? input.ConsumeIntegralInRange<int32_t>(1, 3) : 1;
    pad = input.ConsumeIntegralInRange<int32_t>(0, (taps - 1) * dilation);
    // The last position begins on the map.
    positions = input.ConsumeIntegralInRange<int32_t>(1, (covered - 1 + pad) / stride + 1);
  }
  int32_t covered, positions, taps, stride, dilation, pad;
};

enum class Kind { kPlain, kDepthwise, kTransposed };

void Convolution(FuzzedDataProvider& input, Kind kind) {
  const bool is_transposed = kind == Kind::kTransposed;
  const Axis down(input, !is_transposed), across(input, !is_transposed);
  ConvGradParams params;
  ConvShape& s = params.shape;
  s.batch = input.ConsumeIntegralInRange<int32_t>(1, 2);
  s.input_channels = input.ConsumeIntegralInRange<int32_t>(1, 5);
  s.output_channels = kind == Kind::kDepthwise ? s.input_channels * input.ConsumeIntegralInRange<int32_t>(1, 3)
                                               : input.ConsumeIntegralInRange<int32_t>(1, 5);
  s.input_height = is_transposed ? down.positions : down.covered;
  s.input_width = is_transposed ? across.positions : across.covered;
  s.output_height = is_transposed ? down.covered : down.positions;
  s.output_width = is_transposed ? across.covered : across.positions;
  s.filter_height = down.taps;
  s.filter_width = across.taps;
  s.stride_height = down.stride;
  s.stride_width = across.stride;
  s.dilation_height = down.dilation;
  s.dilation_width = across.dilation;
  s.pad_top = down.pad;
  s.pad_left = across.pad;
  const Parts parts(input);
  Layer layer;
  const int32_t taps = s.filter_height * s.filter_width;
  layer.delta = fuzz::SmallIntegers(input, s.batch * s.output_height * s.output_width * s.output_channels, 0.5);
  layer.input = fuzz::SmallIntegers(input, s.batch * s.input_height * s.input_width * s.input_channels, 0.1);
  layer.weights = fuzz::SmallIntegers(input, taps * s.output_channels * (kind == Kind::kDepthwise ? 1 : s.input_channels), 0.1);
  layer.bias = fuzz::SmallIntegers(input, s.output_channels, 0.1);
  layer.unit_of = [&](size_t d) { return d % static_cast<size_t>(s.output_channels); };
  layer.products = [&](const auto& visit) {
    for (int32_t b = 0; b < s.batch; ++b) {
      for (int32_t py = 0; py < down.positions; ++py) {
        for (int32_t px = 0; px < across.positions; ++px) {
          for (int32_t ky = 0; ky < down.taps; ++ky) {
            for (int32_t kx = 0; kx < across.taps; ++kx) {
              const int32_t cy = py * down.stride + ky * down.dilation - down.pad;
              const int32_t cx = px * across.stride + kx * across.dilation - across.pad;
              if (cy < 0 || cx < 0 || cy >= down.covered || cx >= across.covered) continue;
              const int32_t iy = is_transposed ? py : cy, ix = is_transposed ? px : cx;
              const int32_t oy = is_transposed ? cy : py, ox = is_transposed ? cx : px;
              for (int32_t oc = 0; oc < s.output_channels; ++oc) {
                const int32_t d = ((b * s.output_height + oy) * s.output_width + ox) * s.output_channels + oc;
                const int32_t first = (b * s.input_height + iy) * s.input_width + ix;
                const int32_t tap = ky * s.filter_width + kx;
                if (kind == Kind::kDepthwise) {
                  const int32_t ic = oc / (s.output_channels / s.input_channels);
                  visit(static_cast<size_t>(d), static_cast<size_t>(tap * s.output_channels + oc),
                        static_cast<size_t>(first * s.input_channels + ic));
                  continue;
                }
                for (int32_t ic = 0; ic < s.input_channels; ++ic) {
                  visit(static_cast<size_t>(d), static_cast<size_t>((oc * taps + tap) * s.input_channels + ic),
                        static_cast<size_t>(first * s.input_channels + ic));
                }
              }
            }
          }
        }
      }
    }
  };
  const int64_t floats = kind == Kind::kPlain       ? Conv2DGradScratch(s)
                         : kind == Kind::kDepthwise ? DepthwiseConv2DGradScratch(s)
                                                    : TransposeConvGradScratch(s);
  Values scratch(parts.weights || parts.bias ? static_cast<size_t>(floats) : 0, 55.0f);
  params.scratch = scratch.empty() ? nullptr : scratch.data();
  Check(layer, parts, &params, [&] {
    if (kind == Kind::kPlain) Conv2DGrad(params);
    if (kind == Kind::kDepthwise) DepthwiseConv2DGrad(params);
    if (kind == Kind::kTransposed) TransposeConvGrad(params);
  });
}

void Pooling(FuzzedDataProvider& input, bool is_max) {
  Axis down(input, false), across(input, false);
  Pool2DShape s;
  s.batch = input.ConsumeIntegralInRange<int32_t>(1, 2);
  s.channels = input.ConsumeIntegralInRange<int32_t>(1, 4);
  s.input_height = down.covered;
  s.input_width = across.covered;
  s.output_height = down.positions;
  s.output_width = across.positions;
  s.filter_height = down.taps;
  s.filter_width = across.taps;
  s.stride_height = down.stride;
  s.stride_width = across.stride;
  s.pad_top = down.pad;
  s.pad_left = across.pad;
  if (!EveryWindowHasATap(s)) return;
  const Values x = fuzz::SmallIntegers(input, s.batch * s.input_height * s.input_width * s.channels, 0.1);
  Values delta = fuzz::SmallIntegers(input, s.batch * s.output_height * s.output_width * s.channels, 0.5);
  Values y(delta.size(), -100.0f), expected(x.size(), 0.0f), input_delta(x.size(), 77.0f);
  const auto each = [&](const auto& visit) {
    for (int32_t b = 0; b < s.batch; ++b) {
      for (int32_t oy = 0; oy < s.output_height; ++oy) {
        for (int32_t ox = 0; ox < s.output_width; ++ox) {
          for (int32_t c = 0; c < s.channels; ++c) {
            std::vector<size_t> taps;
            for (int32_t ky = 0; ky < s.filter_height; ++ky) {
              for (int32_t kx = 0; kx < s.filter_width; ++kx) {
                const int32_t iy = oy * s.stride_height + ky - s.pad_top, ix = ox * s.stride_width + kx - s.pad_left;
                if (iy < 0 || ix < 0 || iy >= s.input_height || ix >= s.input_width) continue;
                taps.push_back(static_cast<size_t>(((b * s.input_height + iy) * s.input_width + ix) * s.channels + c));
              }
            }
            visit(static_cast<size_t>(((b * s.output_height + oy) * s.output_width + ox) * s.channels + c), taps);
          }
        }
      }
    }
  };
  if (is_max) {
    each([&](size_t o, const std::vector<size_t>& taps) {
      size_t first = taps[0];
      for (const size_t tap : taps) first = x[tap] > x[first] ? tap : first;
      y[o] = x[first];
      expected[first] += delta[o];
    });
    MaxPool2DGrad(s, delta.data(), x.data(), y.data(), input_delta.data());
  } else {
    // A delta that the number of taps divides, so that sums of shares are exact.
    each([&](size_t o, const std::vector<size_t>& taps) {
      const Values::value_type share = delta[o];
      delta[o] = share * static_cast<float>(taps.size());
      for (const size_t tap : taps) expected[tap] += share;
    });
    AveragePool2DGrad(s, delta.data(), input_delta.data());
    // delta / taps is rounded once if it is multiplied by a reciprocal.
    for (size_t i = 0; i < expected.size(); ++i) {
      const float difference = input_delta[i] - expected[i];
      FUZZ_CHECK(difference < 1e-3f && difference > -1e-3f);
    }
    return;
  }
  FUZZ_CHECK(Same(input_delta, expected));
}

}  // namespace
}  // namespace tinyprop

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinyprop;
  FuzzedDataProvider input(data, size);
  switch (input.ConsumeIntegralInRange<int>(0, 5)) {
    case 0: FullyConnected(input); break;
    case 1: Convolution(input, Kind::kPlain); break;
    case 2: Convolution(input, Kind::kDepthwise); break;
    case 3: Convolution(input, Kind::kTransposed); break;
    case 4: Pooling(input, true); break;
    default: Pooling(input, false); break;
  }
  return 0;
}
