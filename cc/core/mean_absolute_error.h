// Mean absolute error of one sample:  loss = sum |y - t| / n,  dLoss/dy = sign(y - t) / n, 0 where they are equal.
#ifndef TINYPROP_CC_CORE_MEAN_ABSOLUTE_ERROR_H_
#define TINYPROP_CC_CORE_MEAN_ABSOLUTE_ERROR_H_

#include "cc/core/span.h"

namespace tinyprop {

// output, target, delta: [n]. Returns the loss.
float MeanAbsoluteError(Span<const float> output, Span<const float> target, Span<float> delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_MEAN_ABSOLUTE_ERROR_H_
