// TinyPropMeanSquaredError: loss per sample and its gradient.
//
//   inputs   output   float32 [B, ...]
//            label    float32, the same shape
//   outputs  loss     float32 [B], mean over the sample's elements
//            delta    float32, the shape of output: dLoss/dz of each sample's own loss
//
// If the op that made the output has a fused activation, delta is taken before it.
#include "cc/core/activation.h"
#include "cc/core/mean_squared_error.h"
#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

enum { kOutput, kLabel, kLoss, kDelta };
constexpr TensorSpec kSpecs[] = {{"output", TensorSpec::kFloat},
                                 {"label", TensorSpec::kFloat},
                                 {"loss", TensorSpec::kOutput},
                                 {"delta", TensorSpec::kOutput}};

using Options = LossOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kMeanSquaredErrorName, data->error)) return api::kError;

  TensorChecker check(kMeanSquaredErrorName);
  check.Require(data->options.label_kind == 1, "needs labels of the output's shape");
  api::Tensor t[4];
  check.Take(context, node, kSpecs, t);
  check.Require(!check.ok() || t[kOutput].rank() >= 1, "needs an output with a batch dimension");
  if (check.ok()) {
    check.Size(kSpecs[kLabel], t[kLabel], t[kOutput].size());
    check.Size(kSpecs[kLoss], t[kLoss], t[kOutput].dims()[0]);
    check.Size(kSpecs[kDelta], t[kDelta], t[kOutput].size());
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  api::Tensor t[4];
  TensorsOf(context, node, kSpecs, t);
  const Options& options = DataOf<Options>(node)->options;
  const Span<const float> output = t[kOutput].floats();
  const Span<const float> label = t[kLabel].floats();
  const Span<float> loss = t[kLoss].floats();
  const Span<float> delta = t[kDelta].floats();

  const int32_t n = output.size / loss.size;
  for (int32_t b = 0; b < loss.size; ++b) {
    loss[b] = MeanSquaredError(output.subspan(b * n, n), label.subspan(b * n, n),
                               delta.subspan(b * n, n));
  }
  ActivationGrad(static_cast<Activation>(options.fused_activation), output, delta);
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(MeanSquaredError, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
