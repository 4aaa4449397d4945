// Gradient and SGD update of a fully connected layer  z = x W^T + b.
#ifndef TINYPROP_CC_CORE_FULLY_CONNECTED_GRAD_H_
#define TINYPROP_CC_CORE_FULLY_CONNECTED_GRAD_H_

#include <cstdint>

namespace tinyprop {

// R rows (samples, or samples times positions), I inputs, U units. A null pointer leaves its part
// out: no weights update (frozen), no bias, no gradient handed down (first trainable layer).
struct FullyConnectedGradParams {
  int32_t rows = 0;                     // R
  int32_t inputs = 0;                   // I
  int32_t units = 0;                    // U
  float step = 0.0f;                    // learning rate / batch size
  const float* delta = nullptr;         // [R, U], dLoss/dz; zero = not selected
  const float* input = nullptr;         // [R, I]; needed for the weight update
  const float* weights = nullptr;       // [U, I]; needed to hand down
  float* trained_weights = nullptr;     // [U, I]; the same array as weights, or null if frozen
  float* trained_bias = nullptr;        // [U], or null
  float* input_delta = nullptr;         // [R, I] dLoss/dx, overwritten; or null
};

// For every unit u with a non-zero delta:
//   dx_r += delta_ru W_u  with the old weights, then  W_u -= step delta_ru x_r,  b_u -= step delta_ru.
// All rows r hand down before the first one updates, so the result equals one SGD step on the whole
// batch. No gradient buffer; weight rows of units that were not selected are not touched, and a single
// row (batch 1) hands down and updates in one pass.
void FullyConnectedGrad(const FullyConnectedGradParams& params);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_FULLY_CONNECTED_GRAD_H_
