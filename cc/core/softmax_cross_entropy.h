// Softmax cross entropy from logits.
//
//   p = softmax(z),  loss = -sum_c t_c log p_c,  dLoss/dz = p sum(t) - t
//
// With label smoothing s, t = label (1 - s) + s / C, as Keras' CategoricalCrossentropy does.
#ifndef TINYPROP_CC_CORE_SOFTMAX_CROSS_ENTROPY_H_
#define TINYPROP_CC_CORE_SOFTMAX_CROSS_ENTROPY_H_

#include <cstdint>

#include "cc/core/span.h"

namespace tinyprop {

// One sample with an integer label. logits, delta: [C]. Returns the loss.
// A label outside [0, C) gives a NaN loss and a zero delta: the sample then counts as non-finite.
float SoftmaxCrossEntropySparse(Span<const float> logits, int32_t label, float label_smoothing, Span<float> delta);

// One sample with a distribution over the classes. logits, label, delta: [C]. Returns the loss.
float SoftmaxCrossEntropyDense(Span<const float> logits, Span<const float> label, float label_smoothing,
                               Span<float> delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SOFTMAX_CROSS_ENTROPY_H_
