#include "cc/core/reduce_max_grad.h"

#include "cc/core/float_bits.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

// x, dx: the first of `count` elements, `step` apart. dx holds zeros.
void ShareAmongEqual(int32_t count, int32_t step, float y, float delta, const float* x, float* dx) {
  int32_t equal = 0;
  for (int32_t r = 0; r < count; ++r) equal += x[r * step] == y;
  if (equal > 1) delta /= static_cast<float>(equal);
  for (int32_t r = 0; r < count && equal > 0; ++r) {
    if (x[r * step] != y) continue;
    dx[r * step] = delta;
    --equal;
  }
}

}  // namespace

void ReduceMaxGrad(const ReduceShape& s, const float* delta, const float* input, const float* output, float* input_delta) {
  const int32_t size = s.reduced * s.inner;
  Clear(s.outer * size, input_delta);
  for (int32_t o = 0; o < s.outer; ++o) {
    for (int32_t i = 0; i < s.inner; ++i) {
      const int32_t y = o * s.inner + i, x = o * size + i;
      if (MagnitudeBits(delta[y]) == 0) continue;
      ShareAmongEqual(s.reduced, s.inner, output[y], delta[y], input + x, input_delta + x);
    }
  }
}

}  // namespace tinyprop
