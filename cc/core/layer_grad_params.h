// What the gradient kernels of all layers with weights take.
#ifndef TINYPROP_CC_CORE_LAYER_GRAD_PARAMS_H_
#define TINYPROP_CC_CORE_LAYER_GRAD_PARAMS_H_

namespace tinyprop {

// A null pointer leaves its part out: no weights update (frozen), no bias, no gradient handed down
// (first trainable layer). Each layer's own struct adds the shapes.
struct LayerGradParams {
  float step = 0.0f;                 // learning rate / batch size
  const float* delta = nullptr;      // dLoss/dz; zero = not selected
  const float* input = nullptr;      // x; needed for the weight update
  const float* weights = nullptr;    // needed to hand down
  float* trained_weights = nullptr;  // the same array as weights, or null if frozen
  float* trained_bias = nullptr;     // one element per unit or output channel, or null
  float* input_delta = nullptr;      // dLoss/dx, overwritten; or null
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_LAYER_GRAD_PARAMS_H_
