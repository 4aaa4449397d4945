// TinyPropActivationGrad: gradient through an activation that is an op of its own, or that is fused into
// an op without weights.
//
//   inputs   delta      float32 [B, ...], dLoss/dy; becomes dLoss/dx in place
//            reference  float32, as many elements: x of leaky_relu and hard_swish, y of the others
//            gate       int32 [B], from TinyPropDecision
//   outputs  none
//
//        relu6:  delta  3  4  5      reference (y)  0  2  6      delta afterwards  0  4  0
//
// If no sample's gate is open nothing is read or written; otherwise all samples are processed, since
// nobody reads what a closed one hands down.
#include "cc/core/activation.h"
#include "cc/core/sample_status.h"
#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

enum { kDelta, kReference, kGate };
constexpr TensorSpec kSpecs[] = {
    {"delta", TensorSpec::kMutable}, {"reference", TensorSpec::kFloat}, {"gate", TensorSpec::kInt}};

using Options = ActivationGradOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kActivationGradName, data->error)) return api::kError;

  TensorChecker check(kActivationGradName);
  api::Tensor t[3];
  check.Take(context, node, kSpecs, t);
  if (check.ok()) {
    check.Size(kSpecs[kReference], t[kReference], t[kDelta].size());
    check.Require(t[kDelta].size() % t[kGate].size() == 0, "needs a delta that the batch divides");
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  api::Tensor t[3];
  TensorsOf(context, node, kSpecs, t);
  if (!AnyTrained(t[kGate].ints())) return api::kOk;
  const Options& options = DataOf<Options>(node)->options;
  ElementwiseActivationGrad(static_cast<ElementwiseActivation>(options.kind), options.slope, t[kReference].floats(),
                            t[kDelta].floats());
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(ActivationGrad, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
