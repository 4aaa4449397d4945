// What the cases of all convolutions share: random shapes, and the sum over all taps.
#ifndef TINYPROP_TESTS_CC_TFLM_CONV_CASE_H_
#define TINYPROP_TESTS_CC_TFLM_CONV_CASE_H_

#include "tests/cc/tflm/layer_grad_case.h"

namespace tinyprop {
namespace testing {

// One axis: the filter takes `positions` positions on a map of `covered` elements.
struct ConvAxis {
  int covered, positions, taps, stride, dilation, pad;

  static ConvAxis Random(testing::Random& random, bool is_dilated) {
    ConvAxis axis;
    axis.covered = random.Int(1, 5);
    axis.taps = random.Int(1, 3);
    axis.stride = random.Int(1, 2);
    axis.dilation = is_dilated ? random.Int(1, 2) : 1;
    axis.pad = random.Int(0, (axis.taps - 1) * axis.dilation);
    axis.positions = random.Int(1, (axis.covered - 1 + axis.pad) / axis.stride + 1);
    return axis;
  }
};

// Whether and where tap t of position p lies on the map; -1 beside it.
inline int Covered(const ConvAxis& axis, int p, int t) {
  const int at = p * axis.stride + t * axis.dilation - axis.pad;
  return at >= 0 && at < axis.covered ? at : -1;
}

// visit(y of the position, x, y of the tap, x, y on the map, x) for every tap on the map.
template <typename Visit>
void ForEachTap(const ConvAxis& down, const ConvAxis& across, Visit visit) {
  for (int py = 0; py < down.positions; ++py) {
    for (int px = 0; px < across.positions; ++px) {
      for (int ty = 0; ty < down.taps; ++ty) {
        for (int tx = 0; tx < across.taps; ++tx) {
          const int y = Covered(down, py, ty), x = Covered(across, px, tx);
          if (y >= 0 && x >= 0) visit(py, px, ty, tx, y, x);
        }
      }
    }
  }
}

inline std::string WindowBytes(const ConvAxis& down, const ConvAxis& across) {
  WindowOptions window;
  window.stride_height = static_cast<uint16_t>(down.stride);
  window.stride_width = static_cast<uint16_t>(across.stride);
  window.dilation_height = static_cast<uint16_t>(down.dilation);
  window.dilation_width = static_cast<uint16_t>(across.dilation);
  window.pad_top = static_cast<uint16_t>(down.pad);
  window.pad_left = static_cast<uint16_t>(across.pad);
  return std::string(reinterpret_cast<const char*>(&window), WindowOptions::kBytes[0]);
}

// The faults of windows: on each axis the smallest padding that is too large, and the smallest stride with which the last
// position leaves the map.
inline void AddWindowFaults(OpCase* op, const ConvAxis& down, const ConvAxis& across) {
  const size_t at = op->options.size() - WindowOptions::kBytes[0];
  const auto set = [at](std::vector<std::pair<std::string, std::function<void(OpCase&)>>>* list, const char* what, size_t field, int value) {
    list->emplace_back(what, [=](OpCase& changed) {
      changed.options[at + field] = static_cast<char>(value & 0xff);
      changed.options[at + field + 1] = static_cast<char>(value >> 8);
    });
  };
  const ConvAxis axes[] = {down, across};
  for (size_t i = 0; i < 2; ++i) {
    const ConvAxis& axis = axes[i];
    const int reach = (axis.taps - 1) * axis.dilation + 1;
    set(&op->refused, "a padding as large as the filter", offsetof(WindowOptions, pad_top) + 2 * i, reach);
    set(&op->refused, "stride 0", offsetof(WindowOptions, stride_height) + 2 * i, 0);
    set(&op->refused, "dilation 0", offsetof(WindowOptions, dilation_height) + 2 * i, 0);
    if (axis.positions == 1) continue;
    const int most = (axis.covered + axis.pad - 1) / (axis.positions - 1);
    set(&op->accepted, "the largest stride", offsetof(WindowOptions, stride_height) + 2 * i, most);
    set(&op->refused, "a stride that leaves the map", offsetof(WindowOptions, stride_height) + 2 * i, most + 1);
  }
  op->refused.emplace_back("more elements from a tap to the next below it than an int32 counts", [at](OpCase& changed) {
    changed.options.replace(at + offsetof(WindowOptions, dilation_height), 2, "\xff\xff");
    for (const char* role : {"input", "input delta"}) {
      if (!changed.has(role)) continue;
      CaseTensor& map = changed[role];
      map.dims[2] = INT32_MAX / 65535 + 1;
      map.floats.assign(Elements(map.dims), 0.0f);
    }
  });
}

// One kind of convolution. Depthwise: filters [1, KH, KW, OC], each for one channel. Transposed: the filter slides over the
// output.
struct ConvSpec {
  const char* name;
  const api::Registration* registration;
  bool is_depthwise, is_transposed;
};

inline OpCase ConvCase(Random& random, bool is_benchmark, const ConvSpec& conv) {
  const int batch = is_benchmark ? 1 : random.Int(1, 3);
  const int in = is_benchmark ? 16 : random.Int(1, 3), multiplier = is_benchmark ? 1 : random.Int(1, 3);
  const int out = conv.is_depthwise ? in * multiplier : is_benchmark ? 16 : random.Int(1, 3);
  const ConvAxis fixed = conv.is_transposed ? ConvAxis{16, 8, 3, 2, 1, 0} : ConvAxis{16, 16, 3, 1, 1, 1};
  const ConvAxis down = is_benchmark ? fixed : ConvAxis::Random(random, !conv.is_transposed);
  const ConvAxis across = is_benchmark ? fixed : ConvAxis::Random(random, !conv.is_transposed);
  const int xs[] = {conv.is_transposed ? down.positions : down.covered, conv.is_transposed ? across.positions : across.covered};
  const int ys[] = {conv.is_transposed ? down.covered : down.positions, conv.is_transposed ? across.covered : across.positions};
  LayerSpec spec;
  spec.name = conv.name;
  spec.registration = conv.registration;
  spec.x = {batch, xs[0], xs[1], in};
  spec.weights = {conv.is_depthwise ? 1 : out, down.taps, across.taps, conv.is_depthwise ? out : in};
  spec.y = {batch, ys[0], ys[1], out};
  spec.units = out;
  // Of a transposed one on average, rounded: strides leave out taps.
  const int outputs = ys[0] * ys[1], filter = down.taps * across.taps * (conv.is_depthwise ? 1 : in);
  spec.macs = conv.is_transposed ? std::max(1, (2 * xs[0] * xs[1] * filter + outputs) / (2 * outputs)) : filter;
  spec.window = WindowBytes(down, across);
  spec.forward = [=](const std::vector<double>& x, const std::vector<double>& w, const std::vector<double>& b) {
    std::vector<double> z(Elements(spec.y));
    for (size_t i = 0; i < z.size(); ++i) z[i] = b[i % static_cast<size_t>(out)];
    for (int s = 0; s < batch; ++s) {
      ForEachTap(down, across, [&](int py, int px, int ty, int tx, int my, int mx) {
        const int y = conv.is_transposed ? my : py, yx = conv.is_transposed ? mx : px;
        const int pixel = ((s * xs[0] + (conv.is_transposed ? py : my)) * xs[1] + (conv.is_transposed ? px : mx)) * in;
        for (int oc = 0; oc < out; ++oc) {
          double& sum = z[static_cast<size_t>(((s * ys[0] + y) * ys[1] + yx) * out + oc)];
          const int tap = ty * across.taps + tx;
          if (conv.is_depthwise) {
            sum += x[static_cast<size_t>(pixel + oc / multiplier)] * w[static_cast<size_t>(tap * out + oc)];
            continue;
          }
          const int at = (oc * down.taps * across.taps + tap) * in;
          for (int ic = 0; ic < in; ++ic) sum += x[static_cast<size_t>(pixel + ic)] * w[static_cast<size_t>(at + ic)];
        }
      });
    }
    return z;
  };
  // A map that grows behind the last filter, and a filter whose further taps lie behind the map, are possible. So is another
  // number of channels that divides that of depthwise filters.
  spec.free_x = spec.free_weights = spec.free_weights_alone = spec.free_y = {1, 2};
  (conv.is_depthwise ? spec.free_x : spec.free_weights_alone).push_back(3);
  OpCase op = LayerCase(random, spec, batch, is_benchmark);
  if (!KnowsInput(op)) return op;
  AddWindowFaults(&op, down, across);
  if (conv.is_transposed) {
    for (const size_t field : {offsetof(WindowOptions, dilation_height), offsetof(WindowOptions, dilation_width)}) {
      op.refused.emplace_back("a dilation", [=](OpCase& changed) {
        changed.options[changed.options.size() - WindowOptions::kBytes[0] + field] = 2;
      });
    }
  }
  return op;
}

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_TFLM_CONV_CASE_H_
