// Gradient and SGD update of a transposed convolution
//   z[b, iy stride + ky - pad, ix stride + kx - pad, oc] += sum_ic x[b, iy, ix, ic] W[oc, ky, kx, ic],  + b[oc].
#ifndef TINYPROP_CC_CORE_TRANSPOSE_CONV_GRAD_H_
#define TINYPROP_CC_CORE_TRANSPOSE_CONV_GRAD_H_

#include "cc/core/conv_shape.h"

namespace tinyprop {

// delta [B, OH, OW, OC], input and input_delta [B, IH, IW, IC], weights [OC, KH, KW, IC], bias [OC]. The filter slides over
// the output, at one position for each element of the input; there is no dilation.
//
// For every non-zero delta and every tap (ky, kx) through which an input (iy, ix) reaches it:
//   dx[iy, ix] += delta W[oc, ky, kx]  with the old weights, then  W[oc, ky, kx] -= step delta x[iy, ix],
// and once  b[oc] -= step delta. Everything is handed down before the first update, so the result equals one SGD step on the
// whole batch. The changes of one filter are summed before they are added to it; no gradient buffer beyond that. The cost
// follows the number of non-zero deltas.
void TransposeConvGrad(const ConvGradParams& params);

// Floats of scratch: one filter.
inline int64_t TransposeConvGradScratch(const ConvShape& s) {
  return int64_t{s.filter_height} * s.filter_width * s.input_channels;
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_TRANSPOSE_CONV_GRAD_H_
