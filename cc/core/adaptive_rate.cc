#include "cc/core/adaptive_rate.h"

#include "cc/core/float_bits.h"

namespace tinyprop {
namespace {

// NaN becomes 0, so that a damaged control tensor cannot select out of bounds.
float ClipToUnit(float value) {
  if (!(value > 0.0f)) return 0.0f;
  return value < 1.0f ? value : 1.0f;
}

}  // namespace

float UpdateRunningMaximum(float running_maximum, float largest, float decay) {
  // Written so that NaN or infinity, from a damaged control tensor or state, does not stay for good.
  const float decayed = decay * running_maximum;
  return decayed > largest && IsFinite(decayed) ? decayed : largest;
}

float RelativeError(float local_error, float running_maximum) {
  return running_maximum > 0.0f ? ClipToUnit(local_error / running_maximum) : 0.0f;
}

float ErrorPropagationRate(const Control& control, float relative_error, int32_t layers_above) {
  float rate = control.s_min + relative_error * (control.s_max - control.s_min);
  for (int32_t i = 0; i < layers_above; ++i) rate *= control.zeta;
  return ClipToUnit(rate);
}

int32_t GradientCount(float rate, int32_t n, float local_error) {
  if (!(local_error > 0.0f)) return 0;
  // Rounded down by the conversion: the rate is not negative.
  const int32_t k = static_cast<int32_t>(rate * static_cast<float>(n) + 0.5f);
  if (k < 1) return 1;
  return k < n ? k : n;
}

}  // namespace tinyprop
