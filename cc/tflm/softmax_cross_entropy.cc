// TinyPropSoftmaxCrossEntropy: loss per sample and its gradient, from logits.
//
//   inputs   logits   float32 [B, C]
//            label    int32 [B] class indices, or float32 [B, C] distributions (one-hot)
//   outputs  loss     float32 [B]
//            delta    float32 [B, C], dLoss/dz of each sample's own loss (not divided by B)
//
// If the op that made the logits has a fused activation, delta is taken before it. A class index out of
// range gives a NaN loss, which TinyPropDecision turns into a closed gate.
#include "cc/core/activation.h"
#include "cc/core/softmax_cross_entropy.h"
#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr int kLogits = 0;
constexpr int kLabel = 1;
constexpr int kLoss = 0;   // output
constexpr int kDelta = 1;  // output

using Options = LossOptions;

bool IsSparse(const Options& options) { return options.label_kind == 0; }

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kSoftmaxCrossEntropyName, data->error)) return api::kError;
  const bool sparse = IsSparse(data->options);

  TensorChecker check(kSoftmaxCrossEntropyName, context, node);
  check.Counts(2, 2);
  const api::Tensor logits = check.Input(kLogits, "logits", api::Type::kFloat32);
  const api::Tensor label =
      check.Input(kLabel, "label", sparse ? api::Type::kInt32 : api::Type::kFloat32);
  const api::Tensor loss = check.Output(kLoss, "loss", api::Type::kFloat32);
  const api::Tensor delta = check.Output(kDelta, "delta", api::Type::kFloat32);
  check.Require(!check.ok() || logits.rank == 2, "needs logits of shape [batch, classes]");
  if (check.ok()) {
    check.Size("label", label, sparse ? logits.dims[0] : logits.size());
    check.Size("loss", loss, logits.dims[0]);
    check.Size("delta", delta, logits.size());
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  const Options& options = DataOf<Options>(node)->options;
  const Span<const float> logits = api::Input(context, node, kLogits).floats();
  const api::Tensor label = api::Input(context, node, kLabel);
  const Span<float> loss = api::Output(context, node, kLoss).floats();
  const Span<float> delta = api::Output(context, node, kDelta).floats();

  const int32_t classes = logits.size / loss.size;
  for (int32_t b = 0; b < loss.size; ++b) {
    const Span<const float> z = logits.subspan(b * classes, classes);
    const Span<float> d = delta.subspan(b * classes, classes);
    loss[b] = IsSparse(options)
                  ? SoftmaxCrossEntropySparse(z, label.ints()[b], d)
                  : SoftmaxCrossEntropyDense(z, label.floats().subspan(b * classes, classes), d);
  }
  ActivationGrad(static_cast<Activation>(options.fused_activation), logits, delta);
  return api::kOk;
}

}  // namespace

const api::Registration& RegisterSoftmaxCrossEntropy() {
  static constexpr api::Registration registration = {
      InitOp<Options>, nullptr, Prepare, Invoke, nullptr, 0, kSoftmaxCrossEntropyName};
  return registration;
}

}  // namespace tinyprop
