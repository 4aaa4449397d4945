// TinyPropDecision: takes the decision, per sample, whether it is worth a backward pass.
//
//   inputs   finite       int32 [B], from TinyPropInitialize
//            loss         float32 [B]
//            delta        float32 [B, ...], gradient at the output layer before its activation
//            control      float32 [8]
//            statistics   float32 [1 + L, B, 4], variable: row 0 is written
//            state        float32 [1 + L], variable: element 0 is the output's running maximum
//   outputs  gate         int32 [B], a SampleStatus each
#include "cc/core/decision.h"
#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr int kFinite = 0;
constexpr int kLoss = 1;
constexpr int kDelta = 2;
constexpr int kControl = 3;
constexpr int kStatistics = 4;
constexpr int kState = 5;
constexpr int kGate = 0;  // output

using Options = DecisionOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kDecisionName, data->error)) return api::kError;

  TensorChecker check(kDecisionName, context, node);
  check.Counts(6, 1);
  const api::Tensor finite = check.Input(kFinite, "finite", api::Type::kInt32);
  const api::Tensor loss = check.Input(kLoss, "loss", api::Type::kFloat32);
  const api::Tensor delta = check.Input(kDelta, "delta", api::Type::kFloat32);
  const api::Tensor control = check.Input(kControl, "control", api::Type::kFloat32);
  const api::Tensor statistics = check.MutableInput(kStatistics, "statistics", api::Type::kFloat32);
  const api::Tensor state = check.MutableInput(kState, "state", api::Type::kFloat32);
  const api::Tensor gate = check.Output(kGate, "gate", api::Type::kInt32);
  if (!check.ok()) return check.status();

  const int32_t batch = gate.size();
  check.Size("finite", finite, batch);
  check.Size("loss", loss, batch);
  check.Require(delta.size() % batch == 0, "needs a delta that the batch divides");
  check.Size("control", control, kControlSize);
  check.Size("statistics", statistics, state.size() * batch * kStatisticsFields);
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  const Span<int32_t> gate = api::Output(context, node, kGate).ints();
  const DecisionInput input = {
      api::Input(context, node, kFinite).ints(),
      api::Input(context, node, kLoss).floats(),
      api::Input(context, node, kDelta).floats(),
  };
  Decide(*static_cast<const Control*>(api::Input(context, node, kControl).data), input,
         static_cast<float*>(api::Input(context, node, kState).data), gate,
         Statistics{static_cast<float*>(api::Input(context, node, kStatistics).data), gate.size});
  return api::kOk;
}

}  // namespace

const api::Registration& RegisterDecision() {
  static constexpr api::Registration registration = {
      InitOp<Options>, nullptr, Prepare, Invoke, nullptr, 0, kDecisionName};
  return registration;
}

}  // namespace tinyprop
