// Gradient of max pooling:  y = largest of the window's taps inside the map.
#ifndef TINYPROP_CC_CORE_MAX_POOL_2D_GRAD_H_
#define TINYPROP_CC_CORE_MAX_POOL_2D_GRAD_H_

#include "cc/core/pool_2d.h"

namespace tinyprop {

// delta: [B, OH, OW, C], dLoss/dy. input: [B, IH, IW, C], x. output: [B, OH, OW, C], y.
// input_delta: [B, IH, IW, C], dLoss/dx, overwritten.
//
// A window's gradient goes to its first tap in row-major order that equals y, as in TensorFlow's
// MaxPoolGrad on a CPU; overlapping windows add up. Windows whose delta is 0 are not searched. A delta
// whose y is no tap (NaN, or clipped by a fused activation, whose gradient is 0) goes nowhere.
void MaxPool2DGrad(const Pool2DShape& shape, const float* delta, const float* input,
                   const float* output, float* input_delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_MAX_POOL_2D_GRAD_H_
