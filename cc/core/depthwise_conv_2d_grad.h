// Gradient and SGD update of a depthwise convolution
//   z[b, oy, ox, oc] = sum_ky,kx x[b, y, x, oc / M] W[ky, kx, oc] + b[oc].
#ifndef TINYPROP_CC_CORE_DEPTHWISE_CONV_2D_GRAD_H_
#define TINYPROP_CC_CORE_DEPTHWISE_CONV_2D_GRAD_H_

#include "cc/core/conv_shape.h"

namespace tinyprop {

// delta [B, OH, OW, OC], input and input_delta [B, IH, IW, IC], weights [1, KH, KW, OC], bias [OC]; the
// multiplier M = OC / IC has no remainder.
//
// For every non-zero delta and every tap of its filter that lies inside the input:
//   dx += delta w  with the old weight, then  w -= step delta x,  and once  b -= step delta.
// Everything is handed down before the first update, so the result equals one SGD step on the whole
// batch. The changes of a block of filters are summed before they are added to them; no gradient buffer beyond that. The cost
// follows the number of non-zero deltas.
void DepthwiseConv2DGrad(const ConvGradParams& params);

// Channels whose filters are updated together: as many as keep the scratch small, and few passes over delta.
constexpr int32_t kDepthwiseBlock = 64;

// Floats of scratch: the filters and biases of a block.
inline int64_t DepthwiseConv2DGradScratch(const ConvShape& s) {
  const int32_t block = s.output_channels < kDepthwiseBlock ? s.output_channels : kDepthwiseBlock;
  return (int64_t{s.filter_height} * s.filter_width + 1) * block;
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_DEPTHWISE_CONV_2D_GRAD_H_
