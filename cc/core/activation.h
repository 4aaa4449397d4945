// Fused activations of TFLite's builtin ops and the gradient through them.
#ifndef TINYPROP_CC_CORE_ACTIVATION_H_
#define TINYPROP_CC_CORE_ACTIVATION_H_

#include <cstdint>

#include "cc/core/span.h"

namespace tinyprop {

// The values are those of ActivationFunctionType in the TFLite schema.
enum class Activation : uint8_t { kNone = 0, kRelu = 1, kReluN1To1 = 2, kRelu6 = 3 };

constexpr bool IsSupportedActivation(uint8_t code) { return code <= 3; }

// Activations that are ops of their own, and fused ones of ops without weights. The first four are as above.
enum class ElementwiseActivation : uint8_t {
  kNone = 0,
  kRelu = 1,
  kReluN1To1 = 2,
  kRelu6 = 3,
  kLeakyRelu = 4,
  kTanh = 5,
  kLogistic = 6,
  kHardSwish = 7,
};

constexpr bool IsElementwiseActivation(uint8_t code) { return code <= 7; }

// Turns dLoss/dy into dLoss/dz in place, z being the value before the activation, y = act(z).
// Only y is needed: the derivative is 1 strictly inside the activation's range and 0 where y sits on
// a bound, as TensorFlow defines it. output may be empty for kNone.
void ActivationGrad(Activation activation, Span<const float> output, Span<float> delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_ACTIVATION_H_
