// TinyPropMaxPool2DGrad: gradient through one MAX_POOL_2D op.
//
//   inputs   delta        float32 [B, OH, OW, C], dLoss/dy (before a fused activation)
//            input        float32 [B, IH, IW, C], x
//            output       float32 [B, OH, OW, C], y
//            gate         int32 [B], from TinyPropDecision
//   outputs  input_delta  float32 [B, IH, IW, C], dLoss/dx
//
//        input [2, 4]     filter 2, stride 2     delta [1, 2]     input_delta [2, 4]
//         1  5  2  2                                 3  4             0  3  4  0
//         5  0  2  1                                                  0  0  0  0
//
// Of equal largest taps the first in row-major order gets the gradient. If no sample's gate is open
// nothing is read or written; otherwise all samples are processed, since nobody reads what a closed one
// hands down.
#include "cc/core/max_pool_2d_grad.h"
#include "cc/core/sample_status.h"
#include "cc/tflm/pool_shape.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr int kDelta = 0;
constexpr int kInput = 1;
constexpr int kOutput = 2;
constexpr int kGate = 3;
constexpr int kInputDelta = 0;  // output

using Options = PoolGradOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kMaxPool2DGradName, data->error)) return api::kError;

  TensorChecker check(kMaxPool2DGradName, context, node);
  check.Counts(4, 1);
  const api::Tensor delta = check.Input(kDelta, "delta", api::Type::kFloat32);
  const api::Tensor input = check.Input(kInput, "input", api::Type::kFloat32);
  const api::Tensor output = check.Input(kOutput, "output", api::Type::kFloat32);
  const api::Tensor gate = check.Input(kGate, "gate", api::Type::kInt32);
  const api::Tensor input_delta = check.Output(kInputDelta, "input delta", api::Type::kFloat32);
  CheckPool(data->options, delta, input, gate, &check);
  if (check.ok()) {
    check.Size("output", output, delta.size());
    check.Size("input delta", input_delta, input.size());
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  if (!AnyTrained(api::Input(context, node, kGate).ints())) return api::kOk;
  const api::Tensor delta = api::Input(context, node, kDelta);
  const api::Tensor input = api::Input(context, node, kInput);
  MaxPool2DGrad(PoolShapeOf(DataOf<Options>(node)->options, delta, input), delta.floats().data,
                input.floats().data, api::Input(context, node, kOutput).floats().data,
                api::Output(context, node, kInputDelta).floats().data);
  return api::kOk;
}

}  // namespace

const api::Registration& RegisterMaxPool2DGrad() {
  static constexpr api::Registration registration = {
      InitOp<Options>, nullptr, Prepare, Invoke, nullptr, 0, kMaxPool2DGradName};
  return registration;
}

}  // namespace tinyprop
