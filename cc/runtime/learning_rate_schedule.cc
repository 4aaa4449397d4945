#include "cc/runtime/learning_rate_schedule.h"

#include "cc/core/float_bits.h"

namespace tinyprop {
namespace {

// cos(pi f) for f in [0, 1], as sin(pi u) with u = 1/2 - f: the sine's Taylor series, of which the first
// term left out is below 1e-9.
float CosPi(float f) {
  constexpr float kCoefficients[] = {3.14159265f,   -5.16771278f,    2.55016404f,   -0.599264529f,
                                     0.0821458866f, -0.00737043095f, 0.000466302806f};
  const float u = 0.5f - f;
  const float square = u * u;
  float sum = 0.0f;
  for (int i = 6; i >= 0; --i) sum = kCoefficients[i] + square * sum;
  return u * sum;
}

}  // namespace

LearningRateSchedule LearningRateSchedule::Constant(float rate) {
  LearningRateSchedule schedule;
  schedule.peak = rate;
  return schedule;
}

LearningRateSchedule LearningRateSchedule::WarmupCosine(float peak, uint32_t warmup_steps,
                                                        uint32_t total_steps, float final) {
  LearningRateSchedule schedule;
  schedule.peak = peak;
  schedule.final = final;
  schedule.warmup_steps = warmup_steps;
  schedule.total_steps = total_steps;
  return schedule;
}

bool LearningRateSchedule::IsValid() const {
  return IsFinite(peak) && IsFinite(final) && peak >= 0.0f && final >= 0.0f &&
         (total_steps == 0 || warmup_steps <= total_steps);
}

float LearningRateSchedule::RateAt(uint32_t step) const {
  if (step < warmup_steps) {
    return peak * (static_cast<float>(step + 1) / static_cast<float>(warmup_steps));
  }
  if (total_steps == 0) return peak;
  if (step >= total_steps) return final;
  const float position = static_cast<float>(step - warmup_steps + 1) /
                         static_cast<float>(total_steps - warmup_steps + 1);
  return final + (peak - final) * (0.5f + 0.5f * CosPi(position));
}

}  // namespace tinyprop
