// Gradient of the largest (or smallest) value along axes:  y = max over x's reduced elements.
#ifndef TINYPROP_CC_CORE_REDUCE_MAX_GRAD_H_
#define TINYPROP_CC_CORE_REDUCE_MAX_GRAD_H_

#include <cstdint>

namespace tinyprop {

// x: [outer, reduced, inner], y: [outer, inner]. The product of the three fits an int32.
struct ReduceShape {
  int32_t outer;
  int32_t reduced;
  int32_t inner;
};

// delta: [outer, inner], dLoss/dy. input: [outer, reduced, inner], x. output: [outer, inner], y.
// input_delta: [outer, reduced, inner], dLoss/dx, overwritten.
//
// Elements that equal y share its gradient equally, as in TensorFlow's gradient of reduce_max; a delta whose y is no
// element of x (NaN) goes nowhere.
void ReduceMaxGrad(const ReduceShape& shape, const float* delta, const float* input, const float* output, float* input_delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_REDUCE_MAX_GRAD_H_
