// TinyPropScatterAdd: gradient along one axis through an op whose output positions are slices of x, or weighted sums of a
// few of them, by constant indices: RESIZE_NEAREST_NEIGHBOR, RESIZE_BILINEAR, STRIDED_SLICE with strides.
//
//   inputs   delta        float32 [..., N, ...], dLoss/dy
//            indices      int32 [N, K], constant: the K slices of x that each of the N positions is made of
//            weights      float32 [N, K], or left out for ones
//            gate         int32 [B], from TinyPropDecision
//   outputs  input_delta  float32 [..., M, ...], dLoss/dx; every other axis as delta's
//
//        delta [4, 1]     indices [4, 1]     input_delta [3, 1], axis 0
//          1                0                  3
//          2                0                  0
//          3                2                  7
//          4                2
//
// If no sample's gate is open nothing is read or written; otherwise all samples are processed, since nobody reads what a
// closed one hands down.
#include "cc/core/sample_status.h"
#include "cc/core/scatter_add.h"
#include "cc/tflm/axis_split.h"
#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

enum { kDelta, kIndices, kWeights, kGate, kInputDelta };
constexpr TensorSpec kSpecs[] = {{"delta", TensorSpec::kFloat},
                                 {"indices", TensorSpec::kInt},
                                 {"weights", TensorSpec::kOptional},
                                 {"gate", TensorSpec::kInt},
                                 {"input delta", TensorSpec::kOutput}};

using Options = ScatterAddOptions;

ScatterShape ShapeOf(const Options& options, const api::Tensor* t) {
  const AxisSplit split = SplitAxes(t[kDelta], options.axis, 1);
  return {split.outer, split.axes, t[kIndices].size() / split.axes, t[kInputDelta].dims()[options.axis], split.inner};
}

#if !defined(TINYPROP_STRIP_CHECKS)
bool AllBelow(int32_t size, Span<const int32_t> indices) {
  for (int32_t index : indices) {
    if (index < 0 || index >= size) return false;
  }
  return true;
}

void CheckShape(const Options& options, const api::Tensor* t, TensorChecker* check) {
  check->Require(options.axis < t[kDelta].rank() && options.axis < t[kInputDelta].rank(), "has not the axis of its options");
  if (!check->ok()) return;
  const ScatterShape shape = ShapeOf(options, t);
  const AxisSplit result = SplitAxes(t[kInputDelta], options.axis, 1);
  check->Require(result.outer == shape.outer && result.inner == shape.inner,
                 "needs a delta and an input delta that differ in one axis");
  check->Require(t[kIndices].rank() == 2 && t[kIndices].dims()[0] == shape.positions, "needs indices for every position");
  check->Size(kSpecs[kWeights], t[kWeights], t[kIndices].size());
  check->Require(t[kDelta].size() % t[kGate].size() == 0, "needs a delta that the batch divides");
  // Only constants have their data before memory is planned.
  check->Require(t[kIndices].data() != nullptr, "needs constant indices");
  if (!check->ok()) return;
  check->Require(AllBelow(shape.size, t[kIndices].ints()), "has an index outside of the input");
}
#else
void CheckShape(const Options&, const api::Tensor*, TensorChecker*) {}
#endif

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kScatterAddName, data->error)) return api::kError;

  TensorChecker check(kScatterAddName);
  api::Tensor t[5];
  check.Take(context, node, kSpecs, t);
  if (check.ok()) CheckShape(data->options, t, &check);
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  api::Tensor t[5];
  TensorsOf(context, node, kSpecs, t);
  if (!AnyTrained(t[kGate].ints())) return api::kOk;
  ScatterAdd(ShapeOf(DataOf<Options>(node)->options, t), t[kDelta].float_data(), t[kIndices].ints().data,
             t[kWeights].float_data(), t[kInputDelta].float_data());
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(ScatterAdd, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
