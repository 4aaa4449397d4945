#include "cc/core/softmax_cross_entropy.h"

#include <cmath>
#include <limits>

namespace tinyprop {
namespace {

// -log p_c = log_sum + (largest - z_c). Kept apart, because adding the two would cost the digits of a
// small loss under large logits.
struct LogSumExp {
  float largest;
  float log_sum;

  float NegativeLog(float logit) const { return log_sum + (largest - logit); }
};

// Writes softmax(logits). The maximum is taken out first, so that no finite logit overflows.
LogSumExp Softmax(Span<const float> logits, Span<float> probabilities) {
  float largest = logits[0];
  for (float z : logits) largest = z > largest ? z : largest;
  float sum = 0.0f;
  for (int32_t c = 0; c < logits.size; ++c) {
    probabilities[c] = std::exp(logits[c] - largest);
    sum += probabilities[c];
  }
  const float scale = 1.0f / sum;
  for (float& p : probabilities) p *= scale;
  return {largest, std::log(sum)};
}

}  // namespace

float SoftmaxCrossEntropySparse(Span<const float> logits, int32_t label, Span<float> delta) {
  if (label < 0 || label >= logits.size) {
    for (float& d : delta) d = 0.0f;
    return std::numeric_limits<float>::quiet_NaN();
  }
  const LogSumExp log_sum_exp = Softmax(logits, delta);
  delta[label] -= 1.0f;
  return log_sum_exp.NegativeLog(logits[label]);
}

float SoftmaxCrossEntropyDense(Span<const float> logits, Span<const float> label,
                               Span<float> delta) {
  const LogSumExp log_sum_exp = Softmax(logits, delta);
  float mass = 0.0f;
  for (float t : label) mass += t;
  float loss = 0.0f;
  for (int32_t c = 0; c < logits.size; ++c) {
    loss += label[c] * log_sum_exp.NegativeLog(logits[c]);
    delta[c] = delta[c] * mass - label[c];
  }
  return loss;
}

}  // namespace tinyprop
