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

enum { kFinite, kLoss, kDelta, kControl, kStatistics, kState, kGate };
constexpr TensorSpec kSpecs[] = {{"finite", TensorSpec::kInt},
                                 {"loss", TensorSpec::kFloat},
                                 {"delta", TensorSpec::kFloat},
                                 {"control", TensorSpec::kFloat},
                                 {"statistics", TensorSpec::kMutable},
                                 {"state", TensorSpec::kMutable},
                                 {"gate", TensorSpec::kInt | TensorSpec::kOutput}};

using Options = DecisionOptions;

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kDecisionName, data->error)) return api::kError;

  TensorChecker check(kDecisionName);
  api::Tensor t[7];
  check.Take(context, node, kSpecs, t);
  if (!check.ok()) return check.status();

  const int32_t batch = t[kGate].size();
  check.Size(kSpecs[kFinite], t[kFinite], batch);
  check.Size(kSpecs[kLoss], t[kLoss], batch);
  check.Require(t[kDelta].size() % batch == 0, "needs a delta that the batch divides");
  check.Size(kSpecs[kControl], t[kControl], kControlSize);
  check.Size(kSpecs[kStatistics], t[kStatistics], SizeProduct(t[kState].size(), batch, kStatisticsFields));
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  api::Tensor t[7];
  TensorsOf(context, node, kSpecs, t);
  const Span<int32_t> gate = t[kGate].ints();
  const DecisionInput input = {t[kFinite].ints(), t[kLoss].floats(), t[kDelta].floats(), DataOf<Options>(node)->options.bound};
  Decide(*static_cast<const Control*>(t[kControl].data()), input, t[kState].float_data(), gate,
         Statistics{t[kStatistics].float_data(), gate.size});
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(Decision, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
