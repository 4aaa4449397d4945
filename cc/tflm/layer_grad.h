// What the gradient ops of all layers with weights do the same way: their tensors, the checks in Prepare
// that do not depend on the kind of layer, and the sparse step in Invoke.
#ifndef TINYPROP_CC_TFLM_LAYER_GRAD_H_
#define TINYPROP_CC_TFLM_LAYER_GRAD_H_

#include "cc/core/layer_grad_params.h"
#include "cc/tflm/op_support.h"

namespace tinyprop {

// The tensors, in the order of the op's inputs; each op's file says more.
struct LayerGradTensors {
  enum Index {
    kDelta,
    kInput,   // may be left out if the weights are frozen
    kOutput,  // only needed with a fused activation
    kWeights,
    kBias,  // may be left out
    kGate,
    kControl,
    kStatistics,
    kState,
    kInputDelta,  // output 0; left out at the first trainable layer
    kCount,
  };
  api::Tensor tensors[kCount];

  api::Tensor operator[](Index index) const { return tensors[index]; }
};

// For Prepare: the tensors, checked for existence and type.
LayerGradTensors CheckedTensors(TensorChecker* check, api::Context* context, const api::Node* node,
                                const LayerGradOptions& options);

// For Prepare: all sizes but that of the weights. batch: of the layer, which the gate's has to divide;
// delta_size and input_size: elements of delta and of the layer's input in the whole batch; units: of
// the bias.
struct LayerGradSizes {
  int32_t batch, delta_size, input_size, units;
};
void CheckSizes(TensorChecker* check, const LayerGradOptions& options, const LayerGradTensors& tensors,
                const LayerGradSizes& sizes);

// For Invoke: the tensors without any check.
LayerGradTensors TensorsOf(api::Context* context, const api::Node* node);

// For Invoke: makes delta sparse, unless it is already (kOnlyUpdates), and fills in what does not depend on the kind of layer. macs: weights that a kept
// gradient meets, in the hand-down and again in the update.
// Returns false if no sample's gate is open: the op is done then.
bool BeginLayerGrad(const LayerGradOptions& options, const LayerGradTensors& tensors, int32_t macs,
                    LayerGradParams* params);

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_LAYER_GRAD_H_
