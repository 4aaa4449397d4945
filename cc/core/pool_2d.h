// The shape of a pooling op, shared by the gradients of its kinds.
#ifndef TINYPROP_CC_CORE_POOL_2D_H_
#define TINYPROP_CC_CORE_POOL_2D_H_

#include <cstdint>

#include "cc/core/taps.h"

namespace tinyprop {

// Maps are [B, height, width, C]. Output position o of an axis covers the taps o * stride - pad and up,
// `filter` of them, as far as they lie inside the map.
struct Pool2DShape {
  int32_t batch = 0;          // B
  int32_t input_height = 0;   // IH
  int32_t input_width = 0;    // IW
  int32_t output_height = 0;  // OH
  int32_t output_width = 0;   // OW
  int32_t channels = 0;       // C
  int32_t filter_height = 1;
  int32_t filter_width = 1;
  int32_t stride_height = 1;
  int32_t stride_width = 1;
  int32_t pad_top = 0;
  int32_t pad_left = 0;
};

inline ClippedTaps TapRows(const Pool2DShape& s, int32_t output_row) {
  return ClipTaps(output_row * s.stride_height - s.pad_top, s.filter_height, 1, s.input_height);
}

inline ClippedTaps TapColumns(const Pool2DShape& s, int32_t output_column) {
  return ClipTaps(output_column * s.stride_width - s.pad_left, s.filter_width, 1, s.input_width);
}

// True if every window has a tap inside the map, which the gradients take for granted.
inline bool EveryWindowHasATap(const Pool2DShape& s) {
  const auto last_begins_inside = [](int32_t outputs, int32_t stride, int32_t pad, int32_t inputs) {
    return (int64_t{outputs} - 1) * stride - pad < inputs;
  };
  return s.pad_top < s.filter_height && s.pad_left < s.filter_width &&
         last_begins_inside(s.output_height, s.stride_height, s.pad_top, s.input_height) &&
         last_begins_inside(s.output_width, s.stride_width, s.pad_left, s.input_width);
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_POOL_2D_H_
