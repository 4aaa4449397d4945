// Learning rate schedules. The rate is a function of the step alone, so that a schedule goes on after a reset
// from its position, and it takes no call of libm: the cosine is a polynomial.
#ifndef TINYPROP_CC_RUNTIME_LEARNING_RATE_SCHEDULE_H_
#define TINYPROP_CC_RUNTIME_LEARNING_RATE_SCHEDULE_H_

#include <cstdint>

namespace tinyprop {

// Linear warm-up, then cosine annealing (the paper's schedule; Keras' CosineDecay with warmup_target, read
// one step ahead so that no step has the rate 0):
//
//   peak (s + 1) / warmup_steps                                          s < warmup_steps
//   final + (peak - final) sin^2(pi u / 2)                               s < total_steps
//       u = (total_steps - s) / (total_steps + 1 - warmup_steps)
//   final                                                                later
//
// sin^2(pi u / 2) is (1 + cos(pi (1 - u))) / 2, without its cancellation near the end. Up to the last of total_steps steps a
// rate is above 0 if the peak is: at least 2^-126, where the formula gives less. Rates are within 8 ulps of the formula and,
// for the final rate 0, of Python's WarmupCosine. A rate of 0, as after the end with final 0, trains nothing: every step is then an inference.
struct LearningRateSchedule {
  float peak = 0.0f;
  float final = 0.0f;
  uint32_t warmup_steps = 0;
  uint32_t total_steps = 0;  // with the warm-up; 0: constant, peak (after the warm-up) for ever

  static LearningRateSchedule Constant(float rate);
  static LearningRateSchedule WarmupCosine(float peak, uint32_t warmup_steps, uint32_t total_steps,
                                           float final = 0.0f);

  // Whether the rates are finite and not negative, and the warm-up is not longer than the whole.
  bool IsValid() const;

  float RateAt(uint32_t step) const;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_LEARNING_RATE_SCHEDULE_H_
