// TinyPropDepthwiseConv2DGrad: backward pass and update of one DEPTHWISE_CONV_2D op.
//
//   inputs   delta        float32 [B, OH, OW, OC], dLoss/dy; becomes the sparse dLoss/dz in place
//            input        float32 [B, IH, IW, IC], x; may be left out if the weights are frozen
//            output       float32 [B, OH, OW, OC], y; only needed with a fused activation
//            weights      float32 [1, KH, KW, OC], variable if trained
//            bias         float32 [OC], variable if trained; may be left out
//            gate         int32 [B], from TinyPropDecision; read and written
//            control      float32 [8]
//            statistics   float32 [1 + L, B, 4], variable: row l is written, row 0 if a gate closes
//            state        float32 [1 + L], variable: element l is the layer's running maximum
//   outputs  input_delta  float32 [B, IH, IW, IC], dLoss/dx; no output at all at the first trainable layer
//
// One selected element (*) of delta and the patch of the input that its filter covers; both the patch of
// input_delta and the filter take part whole, nothing else does:
//
//   delta [oy, ox, oc]        filter [KH, KW] of oc         input patch [KH, KW] of channel oc / M
//     . . . . .                  w w w                       . . . . . . .
//     . . * . .        x         w w w           <->         . . x x x . .
//     . . . . .                  w w w                       . . x x x . .
//
// Variables are updated in place. The op closes the gate of a sample that it finds not to be finite, and
// then writes gate and statistics. If no gate is open after that, weights, bias and input_delta are neither
// read nor written: every op further down sees the same gate.
// Assumption: the multiplier M = OC / IC has no remainder; Prepare checks it.
#include "cc/core/depthwise_conv_2d_grad.h"
#include "cc/tflm/conv_grad.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr ConvKind kKind = {kDepthwiseConv2DGradName, ConvType::kDepthwise, DepthwiseConv2DGrad, DepthwiseConv2DGradScratch};

api::Status Prepare(api::Context* context, api::Node* node) {
  return PrepareConvGrad(kKind, context, node);
}

api::Status Invoke(api::Context* context, api::Node* node) {
  return InvokeConvGrad(kKind, context, node);
}

}  // namespace

TINYPROP_DEFINE_OP(DepthwiseConv2DGrad, ConvGradOptions, Prepare, Invoke, nullptr)

}  // namespace tinyprop
