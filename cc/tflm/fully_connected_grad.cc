// TinyPropFullyConnectedGrad: backward pass and update of one FULLY_CONNECTED op.
//
//   inputs   delta        float32 [B, ..., U], dLoss/dy; becomes the sparse dLoss/dz in place
//            input        float32 [B, ..., I], x; may be left out if the weights are frozen
//            output       float32 [B, ..., U], y; only needed with a fused activation
//            weights      float32 [U, I], variable if trained
//            bias         float32 [U], variable if trained; may be left out
//            gate         int32 [B], from TinyPropDecision; read and written
//            control      float32 [8]
//            statistics   float32 [1 + L, B, 4], variable: row l is written, row 0 if a gate closes
//            state        float32 [1 + L], variable: element l is the layer's running maximum
//   outputs  input_delta  float32 [B, ..., I], dLoss/dx; no output at all at the first trainable layer
//
// Variables are updated in place. The op closes the gate of a sample that it finds not to be finite, and
// then writes gate and statistics. If no gate is open after that, weights, bias and input_delta are neither
// read nor written: every op further down sees the same gate.
#include "cc/core/fully_connected_grad.h"
#include "cc/tflm/layer_grad.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

using T = LayerGradTensors;

using Options = LayerGradOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kFullyConnectedGradName, data->error)) return api::kError;

  TensorChecker check(kFullyConnectedGradName);
  const LayerGradTensors tensors = CheckedTensors(&check, context, node, data->options);
  check.Require(!check.ok() || tensors[T::kWeights].rank() == 2, "needs weights of shape [units, inputs]");
  if (!check.ok()) return check.status();

  const int32_t units = tensors[T::kWeights].dims()[0];
  const int32_t rows = tensors[T::kDelta].size() / units;
  CheckSizes(&check, data->options, tensors,
             {rows, rows * units, SizeProduct(rows, tensors[T::kWeights].dims()[1]), units});
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  const LayerGradTensors tensors = TensorsOf(context, node);
  FullyConnectedGradParams params;
  params.units = tensors[T::kWeights].dims()[0];
  params.inputs = tensors[T::kWeights].dims()[1];
  params.rows = tensors[T::kDelta].size() / params.units;
  if (BeginLayerGrad(DataOf<Options>(node)->options, tensors, params.inputs, &params)) {
    FullyConnectedGrad(params);
  }
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(FullyConnectedGrad, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
