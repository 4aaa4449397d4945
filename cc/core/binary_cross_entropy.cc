#include "cc/core/binary_cross_entropy.h"

#include <cmath>

namespace tinyprop {

// With e = exp(-|z|), which never overflows: -log(1 - p) = max(z, 0) + log1p(e), and p = 1 / (1 + e) for z >= 0, e / (1 + e)
// below. 1 - t and the small one of p and 1 - p are subtracted, so that the delta of a sample that is known keeps its digits.
float BinaryCrossEntropy(Span<const float> logits, Span<const float> label, float label_smoothing, Span<float> delta) {
  const float scale = 1.0f / static_cast<float>(logits.size);
  float sum = 0.0f;
  for (int32_t i = 0; i < logits.size; ++i) {
    const float z = logits[i];
    const float t = label[i] * (1.0f - label_smoothing) + 0.5f * label_smoothing;
    const bool is_positive = z > 0.0f;
    const float e = std::exp(is_positive ? -z : z);
    const float small = e / (1.0f + e);
    // z - z t would cost the digits of a small loss: z (1 - t) does not.
    sum += (is_positive ? z * (1.0f - t) : -z * t) + std::log1p(e);
    delta[i] = scale * (is_positive ? (1.0f - t) - small : small - t);
  }
  return sum * scale;
}

}  // namespace tinyprop
