// TinyPropAveragePool2DGrad: gradient through one AVERAGE_POOL_2D op.
//
//   inputs   delta        float32 [B, OH, OW, C], dLoss/dy (before a fused activation)
//            gate         int32 [B], from TinyPropDecision
//   outputs  input_delta  float32 [B, IH, IW, C], dLoss/dx
//
//        delta [2, 2], filter 2, stride 2, padding SAME       input_delta [3, 3]
//             4  8                                                1   1   4
//             6  2                                                1   1   4
//                                                                 3   3   2
//
// As in TFLite, padding is not part of the average. If no sample's gate is open nothing is read or
// written; otherwise all samples are processed, since nobody reads what a closed one hands down.
#include "cc/core/average_pool_2d_grad.h"
#include "cc/core/sample_status.h"
#include "cc/tflm/pool_shape.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr int kDelta = 0;
constexpr int kGate = 1;
constexpr int kInputDelta = 0;  // output

using Options = PoolGradOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kAveragePool2DGradName, data->error)) return api::kError;

  TensorChecker check(kAveragePool2DGradName, context, node);
  check.Counts(2, 1);
  const api::Tensor delta = check.Input(kDelta, "delta", api::Type::kFloat32);
  const api::Tensor gate = check.Input(kGate, "gate", api::Type::kInt32);
  const api::Tensor input_delta = check.Output(kInputDelta, "input delta", api::Type::kFloat32);
  CheckPool(data->options, delta, input_delta, gate, &check);
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  if (!AnyTrained(api::Input(context, node, kGate).ints())) return api::kOk;
  const api::Tensor delta = api::Input(context, node, kDelta);
  const api::Tensor input_delta = api::Output(context, node, kInputDelta);
  AveragePool2DGrad(PoolShapeOf(DataOf<Options>(node)->options, delta, input_delta),
                    delta.floats().data, input_delta.floats().data);
  return api::kOk;
}

}  // namespace

const api::Registration& RegisterAveragePool2DGrad() {
  static constexpr api::Registration registration = {
      InitOp<Options>, nullptr, Prepare, Invoke, nullptr, 0, kAveragePool2DGradName};
  return registration;
}

}  // namespace tinyprop
