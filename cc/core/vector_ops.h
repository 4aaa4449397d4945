// Inner loops of the gradient kernels: y += a x, the fused hand-down and update of a weight row, and a sum.
//
// Functions of their own rather than inline: a kernel calls them once a weight row, so that the call costs
// nothing, every kernel shares one copy in flash, and the loop has all registers to itself.
#ifndef TINYPROP_CC_CORE_VECTOR_OPS_H_
#define TINYPROP_CC_CORE_VECTOR_OPS_H_

#include <cstdint>

#include "cc/core/span.h"
#include "cc/core/vector_ops_arm.h"

namespace tinyprop {

// y[i] += a * x[i] for i in [0, n). x and y must not overlap.
void AddScaled(int32_t n, float a, const float* x, float* y);

// Scaled arrays that wait to be added to one and the same array, together.
struct ScaledArrays {
  static constexpr int32_t kMost = 4;

  // True if it is full.
  bool Push(float new_scale, const float* new_x) {
    scale[count] = new_scale;
    x[count] = new_x;
    return ++count == kMost;
  }

  int32_t count = 0;
  float scale[kMost];
  const float* x[kMost];
};

// Adds up to four scaled arrays to y, for `rows` pieces of n elements, x_step and y_step apart: in one pass over y, and their
// sum formed first, where that is faster. May push one of them again, scaled by 0.
void AddScaledRows(ScaledArrays* arrays, int32_t rows, int32_t n, int32_t x_step, float* y, int32_t y_step);

// The same for four, without a look at their count.
void AddFourScaledRows(const ScaledArrays& arrays, int32_t rows, int32_t n, int32_t x_step, float* y, int32_t y_step);

// Adds any number of scaled arrays of n elements to y.
class ScaledSum {
 public:
  ScaledSum(int32_t n, float* y) : n_(n), y_(y) {}
#if defined(TINYPROP_HAS_VFP_LOOPS) || defined(__OPTIMIZE_SIZE__)
  static constexpr int32_t kOnePass = 1;
  void Add(float scale, const float* x) { AddScaled(n_, scale, x, y_); }
  void Finish() {}
#else
  // So many arrays are summed before they are added to y.
  static constexpr int32_t kOnePass = ScaledArrays::kMost;
  void Add(float scale, const float* x) {
    if (arrays_.Push(scale, x)) Finish();
  }
  // Behind the last one.
  void Finish() {
    AddScaledRows(&arrays_, 1, n_, 0, y_, 0);
    arrays_.count = 0;
  }
#endif

 private:
  const int32_t n_;
  float* const y_;
#if !defined(TINYPROP_HAS_VFP_LOOPS) && !defined(__OPTIMIZE_SIZE__)
  ScaledArrays arrays_;
#endif
};

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
