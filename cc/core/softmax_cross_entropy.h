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

// What a sample is: a distribution over the classes, [C], or the index of one of them if that is null.
struct ClassLabel {
  const float* distribution = nullptr;
  int32_t index = 0;
};

// One sample. logits, delta: [C]. Returns the loss.
// An index outside [0, C) gives a NaN loss and a zero delta: the sample then counts as non-finite.
float SoftmaxCrossEntropy(Span<const float> logits, const ClassLabel& label, float label_smoothing, Span<float> delta);

inline float SoftmaxCrossEntropySparse(Span<const float> logits, int32_t label, float label_smoothing, Span<float> delta) {
  return SoftmaxCrossEntropy(logits, {nullptr, label}, label_smoothing, delta);
}

inline float SoftmaxCrossEntropyDense(Span<const float> logits, Span<const float> label, float label_smoothing,
                                      Span<float> delta) {
  return SoftmaxCrossEntropy(logits, {label.data, 0}, label_smoothing, delta);
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SOFTMAX_CROSS_ENTROPY_H_
