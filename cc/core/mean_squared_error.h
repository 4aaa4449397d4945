// Mean squared error of one sample:  loss = sum (y - t)^2 / n,  dLoss/dy = 2 (y - t) / n.
#ifndef TINYPROP_CC_CORE_MEAN_SQUARED_ERROR_H_
#define TINYPROP_CC_CORE_MEAN_SQUARED_ERROR_H_

#include "cc/core/span.h"

namespace tinyprop {

// output, target, delta: [n]. Returns the loss.
float MeanSquaredError(Span<const float> output, Span<const float> target, Span<float> delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_MEAN_SQUARED_ERROR_H_
