#include "cc/core/average_pool_2d_grad.h"

#include <cstddef>
#include <cstring>

#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

// delta: [C] of one window. map: [IH, IW, C] of its sample.
void SpreadOverWindow(const Pool2DShape& s, ClippedTaps rows, ClippedTaps columns, const float* delta,
                      float* map) {
  const float share = 1.0f / static_cast<float>(rows.count * columns.count);
  for (int32_t y = rows.position; y < rows.position + rows.count; ++y) {
    for (int32_t x = columns.position; x < columns.position + columns.count; ++x) {
      AddScaled(s.channels, share, delta, map + (y * s.input_width + x) * s.channels);
    }
  }
}

}  // namespace

void AveragePool2DGrad(const Pool2DShape& s, const float* delta, float* input_delta) {
  const int32_t map_size = s.input_height * s.input_width * s.channels;
  std::memset(input_delta, 0, sizeof(float) * static_cast<size_t>(s.batch * map_size));
  for (int32_t b = 0; b < s.batch; ++b) {
    for (int32_t oy = 0; oy < s.output_height; ++oy) {
      const ClippedTaps rows = TapRows(s, oy);
      for (int32_t ox = 0; ox < s.output_width; ++ox) {
        SpreadOverWindow(s, rows, TapColumns(s, ox), delta, input_delta + b * map_size);
        delta += s.channels;
      }
    }
  }
}

}  // namespace tinyprop
