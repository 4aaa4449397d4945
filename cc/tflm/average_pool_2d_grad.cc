// TinyPropAveragePool2DGrad: gradient through one AVERAGE_POOL_2D op.
//
//   inputs   delta        float32 [B, OH, OW, C], dLoss/dy (before a fused activation)
//            gate         int32 [B], from TinyPropDecision
//   outputs  input_delta  float32 [B, IH, IW, C], dLoss/dx
//
//        delta [2, 2], filter 2, stride 2, padding SAME       input_delta [3, 3]
//             4  8                                                1   1   4
//             6  2                                                1   1   4
//                                                                 3   3   2
//
// As in TFLite, padding is not part of the average. If no sample's gate is open nothing is read or
// written; otherwise all samples are processed, since nobody reads what a closed one hands down.
#include "cc/core/average_pool_2d_grad.h"
#include "cc/core/sample_status.h"
#include "cc/tflm/pool_shape.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

enum { kDelta, kGate, kInputDelta };
constexpr TensorSpec kSpecs[] = {
    {"delta", TensorSpec::kFloat}, {"gate", TensorSpec::kInt}, {"input delta", TensorSpec::kOutput}};

using Options = PoolGradOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kAveragePool2DGradName, data->error)) return api::kError;

  TensorChecker check(kAveragePool2DGradName);
  api::Tensor t[3];
  check.Take(context, node, kSpecs, t);
  CheckPool(data->options, t[kDelta], t[kInputDelta], t[kGate], &check);
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  api::Tensor t[3];
  TensorsOf(context, node, kSpecs, t);
  if (!AnyTrained(t[kGate].ints())) return api::kOk;
  AveragePool2DGrad(PoolShapeOf(DataOf<Options>(node)->options, t[kDelta], t[kInputDelta]), t[kDelta].float_data(),
                    t[kInputDelta].float_data());
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(AveragePool2DGrad, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
