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

enum { kLogits, kLabel, kLoss, kDelta };
constexpr TensorSpec kSparseSpecs[] = {{"logits", TensorSpec::kFloat},
                                       {"label", TensorSpec::kInt},
                                       {"loss", TensorSpec::kOutput},
                                       {"delta", TensorSpec::kOutput}};
constexpr TensorSpec kDenseSpecs[] = {
    kSparseSpecs[kLogits], {"label", TensorSpec::kFloat}, kSparseSpecs[kLoss], kSparseSpecs[kDelta]};

using Options = LossOptions;

bool IsSparse(const Options& options) { return options.label_kind == 0; }

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kSoftmaxCrossEntropyName, data->error)) return api::kError;
  const bool sparse = IsSparse(data->options);

  TensorChecker check(kSoftmaxCrossEntropyName);
  api::Tensor t[4];
  check.Take(context, node, sparse ? kSparseSpecs : kDenseSpecs, t);
  check.Require(!check.ok() || t[kLogits].rank() == 2, "needs logits of shape [batch, classes]");
  if (check.ok()) {
    const int32_t batch = t[kLogits].dims()[0], size = t[kLogits].size();
    check.Size(kSparseSpecs[kLabel], t[kLabel], sparse ? batch : size);
    check.Size(kSparseSpecs[kLoss], t[kLoss], batch);
    check.Size(kSparseSpecs[kDelta], t[kDelta], size);
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  api::Tensor t[4];
  TensorsOf(context, node, kSparseSpecs, t);
  const Options& options = DataOf<Options>(node)->options;
  const Span<const float> logits = t[kLogits].floats();
  const Span<float> loss = t[kLoss].floats();
  const Span<float> delta = t[kDelta].floats();
  const auto* const classes_of = static_cast<const int32_t*>(t[kLabel].data());
  const float* const targets = t[kLabel].float_data();

  const int32_t classes = logits.size / loss.size;
  for (int32_t b = 0; b < loss.size; ++b) {
    const Span<const float> z = logits.subspan(b * classes, classes);
    const Span<float> d = delta.subspan(b * classes, classes);
    const ClassLabel label = IsSparse(options) ? ClassLabel{nullptr, classes_of[b]} : ClassLabel{targets + b * classes, 0};
    loss[b] = SoftmaxCrossEntropy(z, label, options.label_smoothing, d);
  }
  ActivationGrad(static_cast<Activation>(options.fused_activation), logits, delta);
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(SoftmaxCrossEntropy, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
