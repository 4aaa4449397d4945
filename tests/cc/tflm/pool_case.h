// What the cases of both pooling gradients share.
#ifndef TINYPROP_TESTS_CC_TFLM_POOL_CASE_H_
#define TINYPROP_TESTS_CC_TFLM_POOL_CASE_H_

#include "tests/cc/tflm/conv_case.h"

namespace tinyprop {
namespace testing {

// Every window has a tap on the map.
struct PoolMaps {
  PoolMaps(Random& random, bool is_benchmark)
      : batch(is_benchmark ? 1 : random.Int(1, 3)),
        channels(is_benchmark ? 16 : random.Int(1, 3)),
        down(is_benchmark ? ConvAxis{16, 8, 2, 2, 1, 0} : ConvAxis::Random(random, false)),
        across(is_benchmark ? down : ConvAxis::Random(random, false)),
        x{batch, down.covered, across.covered, channels},
        y{batch, down.positions, across.positions, channels} {}

  // visit(element of y, elements of x in its window), in row-major order.
  template <typename Visit>
  void ForEachWindow(Visit visit) const {
    for (size_t i = 0; i < Elements(y); ++i) {
      const int c = static_cast<int>(i) % channels, px = static_cast<int>(i) / channels % across.positions;
      const int py = static_cast<int>(i) / channels / across.positions % down.positions;
      const int b = static_cast<int>(i) / channels / across.positions / down.positions;
      std::vector<size_t> taps;
      for (int ty = 0; ty < down.taps; ++ty) {
        for (int tx = 0; tx < across.taps; ++tx) {
          const int iy = Covered(down, py, ty), ix = Covered(across, px, tx);
          if (iy < 0 || ix < 0) continue;
          taps.push_back(static_cast<size_t>(((b * down.covered + iy) * across.covered + ix) * channels + c));
        }
      }
      visit(i, taps);
    }
  }

  std::string Options() const {
    PoolGradOptions options;
    options.filter_height = static_cast<uint16_t>(down.taps);
    options.filter_width = static_cast<uint16_t>(across.taps);
    std::memcpy(&options.window, WindowBytes(down, across).data(), WindowOptions::kBytes[0]);
    return OptionBytes(options);
  }

  int batch, channels;
  ConvAxis down, across;
  std::vector<int> x, y;
};

inline std::vector<int32_t> RandomGate(Random& random, int batch) {
  std::vector<int32_t> gate(static_cast<size_t>(batch));
  for (int32_t& status : gate) status = random.Int(0, 3);
  gate[static_cast<size_t>(random.Int(0, batch - 1))] = 1;
  return gate;
}

inline void AddPoolFaults(OpCase* op, const PoolMaps& maps) {
  AddWindowFaults(op, maps.down, maps.across);
  for (size_t field : {offsetof(WindowOptions, dilation_height), offsetof(WindowOptions, dilation_width)}) {
    op->refused.emplace_back("a dilation", [field](OpCase& changed) {
      changed.options[changed.options.size() - WindowOptions::kBytes[0] + field] = 2;
    });
  }
  for (size_t field : {size_t{0}, size_t{2}}) {
    op->refused.emplace_back("a filter of size 0", [field](OpCase& changed) { changed.options[4 + field] = changed.options[5 + field] = 0; });
  }
  const int wrong = maps.batch + 1;
  op->refused.emplace_back("a batch that the gate does not divide", [wrong](OpCase& changed) {
    changed["gate"].dims = {wrong};
    changed["gate"].ints.assign(static_cast<size_t>(wrong), 1);
  });
}

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_TFLM_POOL_CASE_H_
