// Fused activations of TFLite's builtin ops and the gradient through them.
#ifndef TINYPROP_CC_CORE_ACTIVATION_H_
#define TINYPROP_CC_CORE_ACTIVATION_H_

#include "cc/core/span.h"
#include "cc/core/wire_format.h"

namespace tinyprop {

// Turns dLoss/dy into dLoss/dz in place, z being the value before the activation, y = act(z).
// Only y is needed: the derivative is 1 strictly inside the activation's range and 0 where y sits on
// a bound. For relu and relu6 that is TensorFlow's definition; relu_n1_to_1 it has as tf.clip_by_value
// only, whose derivative is 1 at exactly -1 and 1. output may be empty for kNone.
void ActivationGrad(Activation activation, Span<const float> output, Span<float> delta);

// Whether ElementwiseActivationGrad wants the activation's input x as its reference, not its output y.
constexpr bool NeedsActivationInput(ElementwiseActivation kind) {
  return kind == ElementwiseActivation::kLeakyRelu || kind == ElementwiseActivation::kHardSwish;
}

// The same for an activation that is an op of its own, y = act(x): turns dLoss/dy into dLoss/dx in place.
//
//   kind                      reference  dy/dx
//   relu, relu_n1_to_1, relu6     y      as above
//   tanh                          y      1 - y^2
//   logistic                      y      y (1 - y)
//   leaky_relu                    x      1 if x > 0, else slope
//   hard_swish                    x      0 up to -3, (2 x + 3) / 6, 1 from 3 on: of x relu6(x + 3) / 6
//   elu                           y      y + 1 if y < 0, else 1: of exp(x) - 1 below 0, else x
//
// Where the activation has a kink, the derivative is TensorFlow's (but see relu_n1_to_1 above). slope: of
// leaky_relu only. reference may be empty for kNone.
void ElementwiseActivationGrad(ElementwiseActivation kind, float slope, Span<const float> reference,
                               Span<float> delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_ACTIVATION_H_
