// Binary cross entropy of one sample from logits, each output by itself.
//
//   p = 1 / (1 + exp(-z)),  loss = -sum (t log p + (1 - t) log(1 - p)) / n,  dLoss/dz = (p - t) / n
#ifndef TINYPROP_CC_CORE_BINARY_CROSS_ENTROPY_H_
#define TINYPROP_CC_CORE_BINARY_CROSS_ENTROPY_H_

#include "cc/core/span.h"

namespace tinyprop {

// logits, label, delta: [n], labels from 0 to 1. Returns the loss. label_smoothing s: t = label (1 - s) + s / 2, as Keras does.
float BinaryCrossEntropy(Span<const float> logits, Span<const float> label, float label_smoothing, Span<float> delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_BINARY_CROSS_ENTROPY_H_
