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

float SoftmaxCrossEntropySparse(Span<const float> logits, int32_t label, float label_smoothing, Span<float> delta) {
  if (label < 0 || label >= logits.size) {
    for (float& d : delta) d = 0.0f;
    return std::numeric_limits<float>::quiet_NaN();
  }
  const LogSumExp log_sum_exp = Softmax(logits, delta);
  const float kept = 1.0f - label_smoothing;
  const float loss = log_sum_exp.NegativeLog(logits[label]);
  delta[label] -= kept;
  if (!(label_smoothing > 0.0f)) return loss;
  const float uniform = label_smoothing / static_cast<float>(logits.size);
  float sum = 0.0f;
  for (int32_t c = 0; c < logits.size; ++c) {
    sum += log_sum_exp.NegativeLog(logits[c]);
    delta[c] -= uniform;
  }
  return kept * loss + uniform * sum;
}

float SoftmaxCrossEntropyDense(Span<const float> logits, Span<const float> label, float label_smoothing,
                               Span<float> delta) {
  const LogSumExp log_sum_exp = Softmax(logits, delta);
  const float kept = 1.0f - label_smoothing, uniform = label_smoothing / static_cast<float>(logits.size);
  float mass = 0.0f;
  for (float t : label) mass += t * kept + uniform;
  float loss = 0.0f;
  for (int32_t c = 0; c < logits.size; ++c) {
    const float t = label[c] * kept + uniform;
    loss += t * log_sum_exp.NegativeLog(logits[c]);
    delta[c] = delta[c] * mass - t;
  }
  return loss;
}

}  // namespace tinyprop
