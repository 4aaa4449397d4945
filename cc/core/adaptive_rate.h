// TinyProp's adaptive error propagation rate (arXiv 2308.09201, 2409.07109).
//
//   Y     = sum |delta|                             local error of a layer, per sample
//   Y_max = max(Y, decay * Y_max)                   running maximum, per layer; once in a step that has a Y; Y if
//                                                   decay * Y_max is not finite
//   alpha = Y / Y_max                               0 if Y_max is 0
//   S     = clip((S_min + alpha (S_max - S_min)) zeta^(L-l), 0, 1)
//   k     = clip(floor(S n + 0.5), 1, n)            0 if Y is 0
#ifndef TINYPROP_CC_CORE_ADAPTIVE_RATE_H_
#define TINYPROP_CC_CORE_ADAPTIVE_RATE_H_

#include <cstdint>

#include "cc/core/control.h"
#include "cc/core/span.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {

// Sum of the magnitudes; not finite if an element is not, or if the sum overflows.
inline float LocalError(Span<const float> delta) { return SumOfMagnitudes(delta.size, delta.data); }

// The running maximum after a step whose largest local error is `largest`.
float UpdateRunningMaximum(float running_maximum, float largest, float decay);

// Local error relative to the running maximum, in [0, 1]; 0 if the maximum is 0.
float RelativeError(float local_error, float running_maximum);

// Share S of a layer's gradients to keep. layers_above: L - l, 0 for the output layer.
float ErrorPropagationRate(const Control& control, float relative_error, int32_t layers_above);

// Number k of a layer's n gradients to keep.
int32_t GradientCount(float rate, int32_t n, float local_error);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_ADAPTIVE_RATE_H_
