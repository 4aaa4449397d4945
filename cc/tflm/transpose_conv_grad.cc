// TinyPropTransposeConvGrad: backward pass and update of one TRANSPOSE_CONV op.
//
//   inputs   delta        float32 [B, OH, OW, OC], dLoss/dy; becomes the sparse dLoss/dz in place
//            input        float32 [B, IH, IW, IC], x; may be left out if the weights are frozen
//            output       float32 [B, OH, OW, OC], y; only needed with a fused activation
//            weights      float32 [OC, KH, KW, IC], variable if trained
//            bias         float32 [OC], variable if trained; may be left out
//            gate         int32 [B], from TinyPropDecision; read and written
//            control      float32 [8]
//            statistics   float32 [1 + L, B, 4], variable: row l is written, row 0 if a gate closes
//            state        float32 [1 + L], variable: element l is the layer's running maximum
//   outputs  input_delta  float32 [B, IH, IW, IC], dLoss/dx; no output at all at the first trainable layer
//
// One selected element (*) of delta, stride 2, filter 3 x 3, no padding: the inputs whose filters cover it, and the tap of
// each filter that lies on it; these taps of filter oc and these inputs take part, nothing else does:
//
//   delta [oy, ox, oc]        taps of filter oc        inputs
//     . . . . .                  w . w                   . . .
//     . . . . .                  . . .                   x x .
//     . . * . .                  w . w                   x x .
//
// Variables are updated in place. The op closes the gate of a sample that it finds not to be finite, and
// then writes gate and statistics. If no gate is open after that, weights, bias and input_delta are neither
// read nor written: every op further down sees the same gate.
#include "cc/core/transpose_conv_grad.h"
#include "cc/tflm/conv_grad.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr ConvKind kKind = {kTransposeConvGradName, ConvType::kTransposed, TransposeConvGrad, TransposeConvGradScratch};

api::Status Prepare(api::Context* context, api::Node* node) {
  return PrepareConvGrad(kKind, context, node);
}

api::Status Invoke(api::Context* context, api::Node* node) {
  return InvokeConvGrad(kKind, context, node);
}

}  // namespace

TINYPROP_DEFINE_OP(TransposeConvGrad, ConvGradOptions, Prepare, Invoke, nullptr)

}  // namespace tinyprop
