// TinyPropReduceMaxGrad: gradient through one REDUCE_MAX or REDUCE_MIN op, over axes that lie side by side.
//
//   inputs   delta        float32, size of output, dLoss/dy
//            input        float32 [..., reduced axes, ...], x
//            output       float32, size of input without the reduced axes, y
//            gate         int32 [B], from TinyPropDecision
//   outputs  input_delta  float32, size of input, dLoss/dx
//
//        input [3, 2], axis 0     delta [2]     input_delta [3, 2]
//          1  5                                     0  2
//          4  5                     3  4            3  2
//          2  0                                     0  0
//
// Elements that equal the result share its gradient equally. If no sample's gate is open nothing is read or written;
// otherwise all samples are processed, since nobody reads what a closed one hands down.
#include "cc/core/reduce_max_grad.h"
#include "cc/core/sample_status.h"
#include "cc/tflm/axis_split.h"
#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

enum { kDelta, kInput, kOutput, kGate, kInputDelta };
constexpr TensorSpec kSpecs[] = {{"delta", TensorSpec::kFloat},
                                 {"input", TensorSpec::kFloat},
                                 {"output", TensorSpec::kFloat},
                                 {"gate", TensorSpec::kInt},
                                 {"input delta", TensorSpec::kOutput}};

using Options = ReduceGradOptions;

ReduceShape ShapeOf(const Options& options, api::Tensor input) {
  const AxisSplit split = SplitAxes(input, options.first_axis, options.axes);
  return {split.outer, split.axes, split.inner};
}

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kReduceMaxGradName, data->error)) return api::kError;

  const Options& options = data->options;
  TensorChecker check(kReduceMaxGradName);
  api::Tensor t[5];
  check.Take(context, node, kSpecs, t);
  if (check.ok()) {
    check.Require(options.first_axis + options.axes <= t[kInput].rank(), "reduces an axis that its input has not");
    const ReduceShape shape = ShapeOf(options, t[kInput]);
    check.Size(kSpecs[kDelta], t[kDelta], shape.outer * shape.inner);
    check.Size(kSpecs[kOutput], t[kOutput], shape.outer * shape.inner);
    check.Size(kSpecs[kInputDelta], t[kInputDelta], t[kInput].size());
    check.Require(t[kDelta].size() % t[kGate].size() == 0, "needs a delta that the batch divides");
  }
  return check.status();
}

api::Status Invoke(api::Context* context, api::Node* node) {
  api::Tensor t[5];
  TensorsOf(context, node, kSpecs, t);
  if (!AnyTrained(t[kGate].ints())) return api::kOk;
  ReduceMaxGrad(ShapeOf(DataOf<Options>(node)->options, t[kInput]), t[kDelta].float_data(), t[kInput].float_data(),
                t[kOutput].float_data(), t[kInputDelta].float_data());
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(ReduceMaxGrad, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
