// Shapes of a two-dimensional convolution.
#ifndef TINYPROP_CC_CORE_CONV_SHAPE_H_
#define TINYPROP_CC_CORE_CONV_SHAPE_H_

#include <cstdint>

#include "cc/core/layer_grad_params.h"
#include "cc/core/taps.h"

namespace tinyprop {

// Letters used below: B batch, IH IW IC the input map, OH OW OC the output map, KH KW the filter.
// Output (oy, ox) and tap (ky, kx) read the input at
//   y = oy stride_height + ky dilation_height - pad_top,  x = ox stride_width + kx dilation_width - pad_left
// and taps outside the input read zero.
struct ConvShape {
  int32_t batch = 1;
  int32_t input_height = 1, input_width = 1, input_channels = 1;
  int32_t output_height = 1, output_width = 1, output_channels = 1;
  int32_t filter_height = 1, filter_width = 1;
  int32_t stride_height = 1, stride_width = 1;
  int32_t dilation_height = 1, dilation_width = 1;
  int32_t pad_top = 0, pad_left = 0;
};

struct ConvGradParams : LayerGradParams {
  ConvShape shape;
  // Memory of as many floats as the kernel's <name>Scratch says, if it trains weights or bias. A change is summed there over
  // all positions and samples and then added to its weight once: added one by one, changes below half an ulp of the weight
  // would be lost.
  float* scratch = nullptr;
};

// The outputs of an axis, `count` of them from `first`, at which all taps lie inside the input.
struct WholeRange {
  int32_t first, count;

  bool Has(int32_t output) const {
    return static_cast<uint32_t>(output - first) < static_cast<uint32_t>(count);
  }
};

inline WholeRange OutputsWithAllTaps(int32_t outputs, int32_t taps, int32_t stride, int32_t dilation,
                                     int32_t pad, int32_t size) {
  const int32_t first = (pad + stride - 1) / stride;
  const int32_t last_origin = size - 1 - (taps - 1) * dilation + pad;  // counted from -pad
  const int32_t end = last_origin < 0 ? 0 : last_origin / stride + 1;
  const int32_t clipped_end = end < outputs ? end : outputs;
  return {first, clipped_end > first ? clipped_end - first : 0};
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_CONV_SHAPE_H_
