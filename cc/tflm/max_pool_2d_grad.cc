// TinyPropMaxPool2DGrad: gradient through one MAX_POOL_2D op.
//
//   inputs   delta        float32 [B, OH, OW, C], dLoss/dy (before a fused activation)
//            input        float32 [B, IH, IW, C], x
//            output       float32 [B, OH, OW, C], y
//            gate         int32 [B], from TinyPropDecision
//   outputs  input_delta  float32 [B, IH, IW, C], dLoss/dx
//
//        input [2, 4]     filter 2, stride 2     delta [1, 2]     input_delta [2, 4]
//         1  5  2  2                                 3  4             0  3  4  0
//         5  0  2  1                                                  0  0  0  0
//
// Of equal largest taps the first in row-major order gets the gradient. If no sample's gate is open
// nothing is read or written; otherwise all samples are processed, since nobody reads what a closed one
// hands down.
#include "cc/core/max_pool_2d_grad.h"
#include "cc/core/sample_status.h"
#include "cc/tflm/pool_shape.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

enum { kDelta, kInput, kOutput, kGate, kInputDelta };
constexpr TensorSpec kSpecs[] = {{"delta", TensorSpec::kFloat},
                                 {"input", TensorSpec::kFloat},
                                 {"output", TensorSpec::kFloat},
                                 {"gate", TensorSpec::kInt},
                                 {"input delta", TensorSpec::kOutput}};

using Options = PoolGradOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kMaxPool2DGradName, data->error)) return api::kError;

  TensorChecker check(kMaxPool2DGradName);
  api::Tensor t[5];
  check.Take(context, node, kSpecs, t);
  CheckPool(data->options, t[kDelta], t[kInput], t[kGate], &check);
  if (check.ok()) {
    check.Size(kSpecs[kOutput], t[kOutput], t[kDelta].size());
    check.Size(kSpecs[kInputDelta], t[kInputDelta], t[kInput].size());
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  api::Tensor t[5];
  TensorsOf(context, node, kSpecs, t);
  if (!AnyTrained(t[kGate].ints())) return api::kOk;
  MaxPool2DGrad(PoolShapeOf(DataOf<Options>(node)->options, t[kDelta], t[kInput]), t[kDelta].float_data(),
                t[kInput].float_data(), t[kOutput].float_data(), t[kInputDelta].float_data());
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(MaxPool2DGrad, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
