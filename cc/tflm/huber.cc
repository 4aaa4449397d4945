// TinyPropHuber: loss per sample and its gradient; delta of the options is where it becomes linear.
// Tensors: elementwise_loss.h.
#include "cc/core/huber.h"

#include "cc/tflm/elementwise_loss.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

using Options = LossOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  return PrepareElementwiseLoss(context, node, kHuberName);
}

api::Status Invoke(api::Context* context, api::Node* node) {
  return InvokeElementwiseLoss(context, node, [](const Options& options, Span<const float> output, Span<const float> label,
                                                 Span<float> delta) { return Huber(output, label, options.delta, delta); });
}

}  // namespace

TINYPROP_DEFINE_OP(Huber, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
