// Huber loss of one sample: the squared error up to a magnitude d, linear beyond it. With e = y - t:
//
//   loss = sum (e^2 / 2 if |e| <= d, else d |e| - d^2 / 2) / n,  dLoss/dy = clip(e, -d, d) / n
#ifndef TINYPROP_CC_CORE_HUBER_H_
#define TINYPROP_CC_CORE_HUBER_H_

#include "cc/core/span.h"

namespace tinyprop {

// output, target, delta: [n]. threshold: d, >= 0. Returns the loss.
float Huber(Span<const float> output, Span<const float> target, float threshold, Span<float> delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_HUBER_H_
