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

enum { kDelta, kOutput, kGate };
constexpr TensorSpec kSpecs[] = {
    {"delta", TensorSpec::kMutable}, {"output", TensorSpec::kFloat}, {"gate", TensorSpec::kInt}};

using Options = SoftmaxGradOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kSoftmaxGradName, data->error)) return api::kError;

  TensorChecker check(kSoftmaxGradName);
  api::Tensor t[3];
  check.Take(context, node, kSpecs, t);
  if (check.ok()) {
    check.Size(kSpecs[kOutput], t[kOutput], t[kDelta].size());
    check.Require(t[kOutput].rank() >= 1, "needs an output of shape [batch, ..., classes]");
    check.Require(t[kDelta].size() % t[kGate].size() == 0, "needs a delta that the batch divides");
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  api::Tensor t[3];
  TensorsOf(context, node, kSpecs, t);
  if (!AnyTrained(t[kGate].ints())) return api::kOk;
  const api::Tensor output = t[kOutput];
  SoftmaxGrad(DataOf<Options>(node)->options.beta, output.dims()[output.rank() - 1], output.floats(),
              t[kDelta].floats());
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(SoftmaxGrad, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
