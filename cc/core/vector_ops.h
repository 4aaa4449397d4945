// Inner loops of the gradient kernels: y += a x, the fused hand-down and update of a weight row, and a sum.
//
// Functions of their own rather than inline: a kernel calls them once a weight row, so that the call costs
// nothing, every kernel shares one copy in flash, and the loop has all registers to itself.
#ifndef TINYPROP_CC_CORE_VECTOR_OPS_H_
#define TINYPROP_CC_CORE_VECTOR_OPS_H_

#include <cstdint>

namespace tinyprop {

// y[i] += a * x[i] for i in [0, n). x and y must not overlap.
void AddScaled(int32_t n, float a, const float* x, float* y);

// dx[i] += d * w[i] with the old weight, then w[i] += a * x[i]. No two arrays may overlap.
void HandDownAndUpdate(int32_t n, float d, float a, const float* x, float* w, float* dx);

// Sum of |x[i]| for i in [0, n); not finite if an element is not, or if the sum overflows.
float SumOfMagnitudes(int32_t n, const float* x);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_VECTOR_OPS_H_
