// TinyPropMeanSquaredError: loss per sample and its gradient.
// Tensors: elementwise_loss.h.
#include "cc/core/mean_squared_error.h"

#include "cc/tflm/elementwise_loss.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

using Options = LossOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  return PrepareElementwiseLoss(context, node, kMeanSquaredErrorName);
}

api::Status Invoke(api::Context* context, api::Node* node) {
  return InvokeElementwiseLoss(context, node, [](const Options&, Span<const float> output, Span<const float> label,
                                                 Span<float> delta) { return MeanSquaredError(output, label, delta); });
}

}  // namespace

TINYPROP_DEFINE_OP(MeanSquaredError, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
