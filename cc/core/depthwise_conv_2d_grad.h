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
// batch. No gradient buffer, no scratch; the cost follows the number of non-zero deltas.
void DepthwiseConv2DGrad(const ConvGradParams& params);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_DEPTHWISE_CONV_2D_GRAD_H_
