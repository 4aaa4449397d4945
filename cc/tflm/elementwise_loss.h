// Losses whose label has the shape of the output: everything but the formula is the same.
//
//   inputs   output   float32 [B, ...]; of a binary cross entropy the logits
//            label    float32, size of the output
//   outputs  loss     float32 [B]
//            delta    float32, shape of the output: dLoss/dy of each sample's own loss (not divided by B)
//
// If the op that made the output has a fused activation, delta is taken before it.
#ifndef TINYPROP_CC_TFLM_ELEMENTWISE_LOSS_H_
#define TINYPROP_CC_TFLM_ELEMENTWISE_LOSS_H_

#include "cc/core/span.h"
#include "cc/tflm/op_support.h"

namespace tinyprop {

// One sample, [n] each: writes delta, returns the loss.
using SampleLoss = float (*)(const LossOptions& options, Span<const float> output, Span<const float> label, Span<float> delta);

api::Status PrepareElementwiseLoss(api::Context* context, api::Node* node, const char* name);
api::Status InvokeElementwiseLoss(api::Context* context, api::Node* node, SampleLoss sample_loss);

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_ELEMENTWISE_LOSS_H_
