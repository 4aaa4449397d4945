#include "cc/runtime/learning_rate_schedule.h"

#include "cc/core/float_bits.h"

namespace tinyprop {
namespace {

// The smallest float that no processor takes for 0.
constexpr float kSmallestRate = 1.17549435e-38f;

// sin(pi u / 2) for u in [0, 1], at most 1: the Taylor series, of which the first term left out is below 1e-9.
float SinHalfPi(float u) {
  constexpr float kCoefficients[] = {1.57079633f,     -0.645964098f,    0.0796926262f,    -0.00468175414f,
                                     0.000160441185f, -3.59884324e-06f, 5.69217292e-08f};
  const float square = u * u;
  float sum = 0.0f;
  for (int i = 6; i >= 0; --i) sum = kCoefficients[i] + square * sum;
  return u * sum < 1.0f ? u * sum : 1.0f;
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
  if (total_steps != 0 && step >= total_steps) return final;
  float rate = peak;
  if (step < warmup_steps) {
    rate = peak * (static_cast<float>(step + 1) / static_cast<float>(warmup_steps));
  } else if (total_steps != 0) {
    // Counted from the end, where a cosine near -1 would lose all digits. The sum is one of floats: integers could wrap.
    const float left = static_cast<float>(total_steps - step) / (static_cast<float>(total_steps - warmup_steps) + 1.0f);
    const float sine = SinHalfPi(left);
    rate = final + (peak - final) * (sine * sine);
  }
  return peak > 0.0f && rate < kSmallestRate ? kSmallestRate : rate;
}

}  // namespace tinyprop
