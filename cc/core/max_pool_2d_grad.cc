#include "cc/core/max_pool_2d_grad.h"

#include <cstddef>
#include <cstring>

#include "cc/core/float_bits.h"

namespace tinyprop {
namespace {

struct Window {
  ClippedTaps rows;
  ClippedTaps columns;
};

// map, map_delta: [IH, IW, C] of the sample, starting at the channel in question.
void AddToFirstMaximum(const Pool2DShape& s, const Window& window, float maximum, float delta,
                       const float* map, float* map_delta) {
  const int32_t end_y = window.rows.position + window.rows.count;
  const int32_t end_x = window.columns.position + window.columns.count;
  for (int32_t y = window.rows.position; y < end_y; ++y) {
    for (int32_t x = window.columns.position; x < end_x; ++x) {
      const int32_t tap = (y * s.input_width + x) * s.channels;
      if (map[tap] == maximum) {
        map_delta[tap] += delta;
        return;
      }
    }
  }
}

}  // namespace

void MaxPool2DGrad(const Pool2DShape& s, const float* delta, const float* input,
                   const float* output, float* input_delta) {
  const int32_t map_size = s.input_height * s.input_width * s.channels;
  std::memset(input_delta, 0, sizeof(float) * static_cast<size_t>(s.batch * map_size));
  for (int32_t b = 0; b < s.batch; ++b) {
    const float* map = input + b * map_size;
    float* map_delta = input_delta + b * map_size;
    for (int32_t oy = 0; oy < s.output_height; ++oy) {
      const ClippedTaps rows = TapRows(s, oy);
      for (int32_t ox = 0; ox < s.output_width; ++ox) {
        const Window window = {rows, TapColumns(s, ox)};
        for (int32_t c = 0; c < s.channels; ++c) {
          if (MagnitudeBits(delta[c]) == 0) continue;
          AddToFirstMaximum(s, window, output[c], delta[c], map + c, map_delta + c);
        }
        delta += s.channels;
        output += s.channels;
      }
    }
  }
}

}  // namespace tinyprop
