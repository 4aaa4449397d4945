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

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_TFLM_CONV_CASE_H_
