// Adds slices along one axis to where their indices say: the gradient of everything that takes slices of x, or weighted
// sums of a few of them, by constant indices (resizing, slices with strides).
#ifndef TINYPROP_CC_CORE_SCATTER_ADD_H_
#define TINYPROP_CC_CORE_SCATTER_ADD_H_

#include <cstdint>

namespace tinyprop {

// y: [outer, positions, inner], x: [outer, size, inner]. Both products fit an int32.
struct ScatterShape {
  int32_t outer;
  int32_t positions;
  int32_t taps;  // of x that a position of y is made of
  int32_t size;
  int32_t inner;
};

// Of y[o, p] = sum_t weights[p, t] x[o, indices[p, t]]:
//
// delta: [outer, positions, inner], dLoss/dy. indices: [positions, taps], each in [0, size). weights: [positions, taps],
// or null for ones. input_delta: [outer, size, inner], dLoss/dx, overwritten.
void ScatterAdd(const ScatterShape& shape, const float* delta, const int32_t* indices, const float* weights,
                float* input_delta);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SCATTER_ADD_H_
