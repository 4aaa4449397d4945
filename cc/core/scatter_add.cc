#include "cc/core/scatter_add.h"

#include "cc/core/vector_ops.h"

namespace tinyprop {

void ScatterAdd(const ScatterShape& s, const float* delta, const int32_t* indices, const float* weights, float* input_delta) {
  Clear(s.outer * s.size * s.inner, input_delta);
  for (int32_t o = 0; o < s.outer; ++o) {
    for (int32_t p = 0; p < s.positions; ++p) {
      for (int32_t t = p * s.taps; t < (p + 1) * s.taps; ++t) {
        AddScaled(s.inner, weights == nullptr ? 1.0f : weights[t], delta, input_delta + indices[t] * s.inner);
      }
      delta += s.inner;
    }
    input_delta += s.size * s.inner;
  }
}

}  // namespace tinyprop
