// Gradient of average pooling:  y = mean of the window's taps inside the map.
#ifndef TINYPROP_CC_CORE_AVERAGE_POOL_2D_GRAD_H_
#define TINYPROP_CC_CORE_AVERAGE_POOL_2D_GRAD_H_

#include "cc/core/pool_2d.h"

namespace tinyprop {

// delta: [B, OH, OW, C], dLoss/dy. input_delta: [B, IH, IW, C], dLoss/dx, overwritten.
// Every tap of a window gets delta / taps inside the map, as TFLite divides; overlapping windows add up.
void AveragePool2DGrad(const Pool2DShape& shape, const float* delta, float* input_delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_AVERAGE_POOL_2D_GRAD_H_
