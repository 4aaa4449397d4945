// TinyPropSoftmaxGrad: gradient through one SOFTMAX op, which runs over the last dimension.
//
//   inputs   delta   float32 [B, ..., C], dLoss/dy; becomes dLoss/dx in place
//            output  float32 [B, ..., C], y
//            gate    int32 [B], from TinyPropDecision
//   outputs  none
//
//        beta 1:  delta  1  0      output  0.5  0.5      delta afterwards  0.25  -0.25
//
// A softmax at the model's output has no such op: the loss is taken from its logits. If no sample's gate
// is open nothing is read or written; otherwise all samples are processed, since nobody reads what a
// closed one hands down.
#include "cc/core/sample_status.h"
#include "cc/core/softmax_grad.h"
#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr int kDelta = 0;
constexpr int kOutput = 1;
constexpr int kGate = 2;

using Options = SoftmaxGradOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kSoftmaxGradName, data->error)) return api::kError;

  TensorChecker check(kSoftmaxGradName, context, node);
  check.Counts(3, 0);
  const api::Tensor delta = check.MutableInput(kDelta, "delta", api::Type::kFloat32);
  const api::Tensor output = check.Input(kOutput, "output", api::Type::kFloat32);
  const api::Tensor gate = check.Input(kGate, "gate", api::Type::kInt32);
  if (check.ok()) {
    check.Size("output", output, delta.size());
    check.Require(output.rank >= 1, "needs an output of shape [batch, ..., classes]");
    check.Require(delta.size() % gate.size() == 0, "needs a delta that the batch divides");
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  if (!AnyTrained(api::Input(context, node, kGate).ints())) return api::kOk;
  const api::Tensor output = api::Input(context, node, kOutput);
  SoftmaxGrad(DataOf<Options>(node)->options.beta, output.dims[output.rank - 1], output.floats(),
              api::Input(context, node, kDelta).floats());
  return api::kOk;
}

}  // namespace

const api::Registration& RegisterSoftmaxGrad() {
  static constexpr api::Registration registration = {
      InitOp<Options>, nullptr, Prepare, Invoke, nullptr, 0, kSoftmaxGradName};
  return registration;
}

}  // namespace tinyprop
