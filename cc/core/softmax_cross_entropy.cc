#include "cc/core/softmax_cross_entropy.h"

#include <cmath>
#include <limits>

#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

// Writes exp(z - largest) and returns the sum. The maximum is taken out first, so that no finite logit overflows.
float Exponentials(Span<const float> logits, float largest, Span<float> exponentials) {
  float sum = 0.0f;
  for (int32_t c = 0; c < logits.size; ++c) {
    exponentials[c] = std::exp(logits[c] - largest);
    sum += exponentials[c];
  }
  return sum;
}

}  // namespace

float SoftmaxCrossEntropy(Span<const float> logits, const ClassLabel& label, float label_smoothing, Span<float> delta) {
  const float kept = 1.0f - label_smoothing, uniform = label_smoothing / static_cast<float>(logits.size);
  float mass = 1.0f;  // sum(t)
  if (label.distribution != nullptr) {
    mass = label_smoothing;
    for (int32_t c = 0; c < logits.size; ++c) mass += label.distribution[c] * kept;
  } else if (static_cast<uint32_t>(label.index) >= static_cast<uint32_t>(logits.size)) {
    Clear(delta.size, delta.data);
    return std::numeric_limits<float>::quiet_NaN();
  }
  float largest = logits[0];
  for (float z : logits) largest = z > largest ? z : largest;
  const float sum = Exponentials(logits, largest, delta);
  const float log_sum = std::log(sum), scale = mass / sum;
  float loss = 0.0f;
  for (int32_t c = 0; c < logits.size; ++c) {
    const float wanted = label.distribution != nullptr ? label.distribution[c] : c == label.index ? 1.0f : 0.0f;
    const float t = wanted * kept + uniform;
    delta[c] = delta[c] * scale - t;
    // -log p_c = log_sum + (largest - z_c): adding up the constants would cost the digits of a small loss under large logits.
    // A class that is not wanted costs nothing, even at an infinitely small probability.
    if (t != 0.0f) loss += t * (log_sum + (largest - logits[c]));
  }
  return loss;
}

}  // namespace tinyprop
