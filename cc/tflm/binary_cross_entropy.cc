// TinyPropBinaryCrossEntropy: loss per sample and its gradient, from logits, each output by itself.
// Tensors: elementwise_loss.h.
#include "cc/core/binary_cross_entropy.h"

#include "cc/tflm/elementwise_loss.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

using Options = LossOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  return PrepareElementwiseLoss(context, node, kBinaryCrossEntropyName);
}

api::Status Invoke(api::Context* context, api::Node* node) {
  return InvokeElementwiseLoss(context, node, [](const Options& options, Span<const float> logits, Span<const float> label,
                                                 Span<float> delta) { return BinaryCrossEntropy(logits, label, options.label_smoothing, delta); });
}

}  // namespace

TINYPROP_DEFINE_OP(BinaryCrossEntropy, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
