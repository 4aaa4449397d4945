// Gradient of softmax:  y = exp(beta x) / sum exp(beta x).
#ifndef TINYPROP_CC_CORE_SOFTMAX_GRAD_H_
#define TINYPROP_CC_CORE_SOFTMAX_GRAD_H_

#include "cc/core/span.h"

namespace tinyprop {

// Turns dLoss/dy into dLoss/dx = beta y (dLoss/dy - sum_c y_c dLoss/dy_c) in place, row by row.
// output: [R, C], y. delta: [R, C]. classes: C, which divides the size.
void SoftmaxGrad(float beta, int32_t classes, Span<const float> output, Span<float> delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SOFTMAX_GRAD_H_
