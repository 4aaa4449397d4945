// Random pooling ops, and the plain loops that the kernels are compared with.
#ifndef TINYPROP_TESTS_CC_CORE_RANDOM_POOL_H_
#define TINYPROP_TESTS_CC_CORE_RANDOM_POOL_H_

#include <vector>

#include "cc/core/pool_2d.h"
#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {

// Every window has a tap inside the map; padding is anything up to the filter's size.
inline Pool2DShape RandomPool(Random* random) {
  Pool2DShape s;
  s.batch = random->Int(1, 4);
  s.channels = random->Int(1, 9);
  s.input_height = random->Int(1, 11);
  s.input_width = random->Int(1, 11);
  s.filter_height = random->Int(1, 5);
  s.filter_width = random->Int(1, 5);
  s.stride_height = random->Int(1, 4);
  s.stride_width = random->Int(1, 4);
  s.pad_top = random->Int(0, s.filter_height - 1);
  s.pad_left = random->Int(0, s.filter_width - 1);
  s.output_height = random->Int(1, 1 + (s.input_height - 1 + s.pad_top) / s.stride_height);
  s.output_width = random->Int(1, 1 + (s.input_width - 1 + s.pad_left) / s.stride_width);
  return s;
}

inline int32_t InputSize(const Pool2DShape& s) {
  return s.batch * s.input_height * s.input_width * s.channels;
}

inline int32_t OutputSize(const Pool2DShape& s) {
  return s.batch * s.output_height * s.output_width * s.channels;
}

// Calls visit(position in delta, positions in the map of the window's taps in row-major order) for every
// window and channel. Each tap is tested on its own.
template <typename Visit>
void ForEachWindow(const Pool2DShape& s, Visit visit) {
  int32_t position = 0;
  for (int32_t b = 0; b < s.batch; ++b) {
    for (int32_t oy = 0; oy < s.output_height; ++oy) {
      for (int32_t ox = 0; ox < s.output_width; ++ox) {
        for (int32_t c = 0; c < s.channels; ++c) {
          std::vector<int32_t> taps;
          for (int32_t fy = 0; fy < s.filter_height; ++fy) {
            for (int32_t fx = 0; fx < s.filter_width; ++fx) {
              const int32_t y = oy * s.stride_height + fy - s.pad_top;
              const int32_t x = ox * s.stride_width + fx - s.pad_left;
              if (y < 0 || y >= s.input_height || x < 0 || x >= s.input_width) continue;
              taps.push_back(((b * s.input_height + y) * s.input_width + x) * s.channels + c);
            }
          }
          visit(position++, taps);
        }
      }
    }
  }
}

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_CORE_RANDOM_POOL_H_
