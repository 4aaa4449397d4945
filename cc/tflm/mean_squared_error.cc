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

constexpr int kOutput = 0;
constexpr int kLabel = 1;
constexpr int kLoss = 0;   // output
constexpr int kDelta = 1;  // output

using Options = LossOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kMeanSquaredErrorName, data->error)) return api::kError;

  TensorChecker check(kMeanSquaredErrorName, context, node);
  check.Require(data->options.label_kind == 1, "needs labels of the output's shape");
  check.Counts(2, 2);
  const api::Tensor output = check.Input(kOutput, "output", api::Type::kFloat32);
  const api::Tensor label = check.Input(kLabel, "label", api::Type::kFloat32);
  const api::Tensor loss = check.Output(kLoss, "loss", api::Type::kFloat32);
  const api::Tensor delta = check.Output(kDelta, "delta", api::Type::kFloat32);
  check.Require(!check.ok() || output.rank >= 1, "needs an output with a batch dimension");
  if (check.ok()) {
    check.Size("label", label, output.size());
    check.Size("loss", loss, output.dims[0]);
    check.Size("delta", delta, output.size());
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  const Options& options = DataOf<Options>(node)->options;
  const Span<const float> output = api::Input(context, node, kOutput).floats();
  const Span<const float> label = api::Input(context, node, kLabel).floats();
  const Span<float> loss = api::Output(context, node, kLoss).floats();
  const Span<float> delta = api::Output(context, node, kDelta).floats();

  const int32_t n = output.size / loss.size;
  for (int32_t b = 0; b < loss.size; ++b) {
    loss[b] = MeanSquaredError(output.subspan(b * n, n), label.subspan(b * n, n),
                               delta.subspan(b * n, n));
  }
  ActivationGrad(static_cast<Activation>(options.fused_activation), output, delta);
  return api::kOk;
}

}  // namespace

const api::Registration& RegisterMeanSquaredError() {
  static constexpr api::Registration registration = {
      InitOp<Options>, nullptr, Prepare, Invoke, nullptr, 0, kMeanSquaredErrorName};
  return registration;
}

}  // namespace tinyprop
