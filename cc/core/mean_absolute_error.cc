#include "cc/core/mean_absolute_error.h"

#include <cmath>

namespace tinyprop {

float MeanAbsoluteError(Span<const float> output, Span<const float> target, Span<float> delta) {
  const float scale = 1.0f / static_cast<float>(output.size);
  float sum = 0.0f;
  for (int32_t i = 0; i < output.size; ++i) {
    const float error = output[i] - target[i];
    sum += std::fabs(error);
    delta[i] = error == 0.0f ? 0.0f : std::copysign(scale, error);
  }
  return sum * scale;
}

}  // namespace tinyprop
