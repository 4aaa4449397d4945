// Gradient and SGD update of a fully connected layer  z = x W^T + b.
#ifndef TINYPROP_CC_CORE_FULLY_CONNECTED_GRAD_H_
#define TINYPROP_CC_CORE_FULLY_CONNECTED_GRAD_H_

#include <cstdint>

#include "cc/core/layer_grad_params.h"

namespace tinyprop {

// R rows (samples, or samples times positions), I inputs, U units. delta [R, U], input and input_delta
// [R, I], weights [U, I], bias [U].
struct FullyConnectedGradParams : LayerGradParams {
  int32_t rows = 0;    // R
  int32_t inputs = 0;  // I
  int32_t units = 0;   // U
};

// For every unit u with a non-zero delta:
//   dx_r += delta_ru W_u  with the old weights, then  W_u -= step delta_ru x_r,  b_u -= step delta_ru.
// All rows r hand down before the first one updates, so the result equals one SGD step on the whole
// batch. What the rows change in a weight is summed, a piece of W_u at a time on the stack, and added once: one by one,
// changes below half an ulp of the weight would be lost. No gradient buffer beyond that; weight rows of units that were not
// selected are not touched, and a single row (batch 1) hands down and updates in one pass.
void FullyConnectedGrad(const FullyConnectedGradParams& params);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_FULLY_CONNECTED_GRAD_H_
