#include "cc/core/huber.h"

#include <cmath>

namespace tinyprop {

// Both pieces are c (|e| - c / 2) with c = min(|e|, d).
float Huber(Span<const float> output, Span<const float> target, float threshold, Span<float> delta) {
  const float scale = 1.0f / static_cast<float>(output.size);
  float sum = 0.0f;
  for (int32_t i = 0; i < output.size; ++i) {
    const float error = output[i] - target[i];
    const float magnitude = std::fabs(error);
    const float clipped = magnitude > threshold ? threshold : magnitude;
    sum += clipped * (magnitude - 0.5f * clipped);
    delta[i] = std::copysign(scale * clipped, error);
  }
  return sum * scale;
}

}  // namespace tinyprop
