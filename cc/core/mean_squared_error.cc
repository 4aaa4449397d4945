#include "cc/core/mean_squared_error.h"

namespace tinyprop {

float MeanSquaredError(Span<const float> output, Span<const float> target, Span<float> delta) {
  const float scale = 1.0f / static_cast<float>(output.size);
  float sum = 0.0f;
  for (int32_t i = 0; i < output.size; ++i) {
    const float error = output[i] - target[i];
    sum += error * error;
    delta[i] = 2.0f * scale * error;
  }
  return sum * scale;
}

}  // namespace tinyprop
