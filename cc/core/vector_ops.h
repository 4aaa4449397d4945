// Inner loops of the gradient kernels: y += a x, the fused hand-down and update of a weight row, and a sum.
//
// Functions of their own rather than inline: a kernel calls them once a weight row, so that the call costs
// nothing, every kernel shares one copy in flash, and the loop has all registers to itself.
#ifndef TINYPROP_CC_CORE_VECTOR_OPS_H_
#define TINYPROP_CC_CORE_VECTOR_OPS_H_

#include <cstdint>

#include "cc/core/span.h"

namespace tinyprop {

// y[i] += a * x[i] for i in [0, n). x and y must not overlap.
void AddScaled(int32_t n, float a, const float* x, float* y);

// The same for `rows` pieces of n elements, x_step and y_step apart.
void AddScaledRows(int32_t rows, int32_t n, float a, const float* x, int32_t x_step, float* y,
                   int32_t y_step);

// Like AddScaledRows with a[0] and x[0], then a[1] and x[1] and so on up to 3, in half the time, since y is
// read and written once.
void AddFourScaledRows(int32_t rows, int32_t n, const float* a, const float* const* x, int32_t x_step,
                       float* y, int32_t y_step);

// dx[i] += d * w[i] with the old weight, then w[i] += a * x[i]. No two arrays may overlap.
void HandDownAndUpdate(int32_t n, float d, float a, const float* x, float* w, float* dx);

// y[i] = 0 for i in [0, n). The C libraries of microcontrollers often clear byte by byte.
void Clear(int32_t n, float* y);

// Sum of |x[i]| for i in [0, n); not finite if an element is not, or if the sum overflows.
float SumOfMagnitudes(int32_t n, const float* x);

// True if every element is finite (none is).
bool AllFinite(Span<const float> values);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_VECTOR_OPS_H_
