// Gradient and SGD update of a convolution
//   z[b, oy, ox, oc] = sum_ky,kx,ic x[b, y, x, ic] W[oc, ky, kx, ic] + b[oc].
#ifndef TINYPROP_CC_CORE_CONV_2D_GRAD_H_
#define TINYPROP_CC_CORE_CONV_2D_GRAD_H_

#include "cc/core/conv_shape.h"

namespace tinyprop {

// delta [B, OH, OW, OC], input and input_delta [B, IH, IW, IC], weights [OC, KH, KW, IC], bias [OC].
//
// For every non-zero delta, with the patch of the input that its filter covers:
//   dx_patch += delta W_oc  with the old weights, then  W_oc -= step delta x_patch,  b_oc -= step delta.
// Everything is handed down before the first update, so the result equals one SGD step on the whole
// batch. The changes of one filter are summed before they are added to it; no gradient buffer beyond that.
// The cost follows the number of non-zero deltas. Padding takes part in nothing.
void Conv2DGrad(const ConvGradParams& params);

// Floats of scratch: one filter.
inline int64_t Conv2DGradScratch(const ConvShape& s) {
  return int64_t{s.filter_height} * s.filter_width * s.input_channels;
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_CONV_2D_GRAD_H_
