// TinyPropResetState: lets the state of the model's own ops (LSTM, SVDF) begin anew. In front of the forward ops.
//
//   inputs   reset_values  int32 [Z], constant: what the bytes of each state are set to
//            state x Z     variable tensors of 1, 2 or 4 bytes an element
//            request       bool [1], if the state is kept: reset only where this is true
//   no output
//
//        invoke      1      2      3      4              1      2      3      4
//        request                                         true   false  false  true
//        state       0 .... 0 .... 0 .... 0 ....         0 .................. 0 ....
//
// Without a request no sample's output depends on the sample before; with one, samples are a stream.
#include "cc/core/reset_state.h"

#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr int kResetValues = 0, kFirstState = 1;
constexpr TensorSpec kResetValuesSpec = {"reset values", TensorSpec::kInt};
constexpr TensorSpec kStateSpec = {"state", TensorSpec::kMutable | TensorSpec::kAnyType};
constexpr TensorSpec kRequestSpec = {"request", TensorSpec::kAnyType};

using Options = ResetStateOptions;

int RequestPosition(const Options& options) { return kFirstState + options.states; }

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kResetStateName, data->error)) return api::kError;
  const Options& options = data->options;

  TensorChecker check(kResetStateName);
  check.Require(api::InputCount(node) == RequestPosition(options) + options.on_request, "has a wrong number of inputs");
  check.Require(api::OutputCount(node) == 0, "has a wrong number of outputs");
  const api::Tensor values = api::Input(context, node, kResetValues);
  check.Check(kResetValuesSpec, values);
  check.Size(kResetValuesSpec, values, options.states);
  check.Require(!check.ok() || values.data() != nullptr, "needs constant reset values");
  for (int i = 0; check.ok() && i < options.states; ++i) {
    const api::Tensor state = api::Input(context, node, kFirstState + i);
    check.Check(kStateSpec, state);
    check.Require(!check.ok() || state.element_bytes() > 0, "needs state of 1, 2 or 4 bytes an element");
  }
  if (check.ok() && options.on_request != 0) {
    const api::Tensor request = api::Input(context, node, RequestPosition(options));
    check.Check(kRequestSpec, request);
    check.Size(kRequestSpec, request, 1);
  }
  return check.status();
}

bool IsRequested(api::Context* context, const api::Node* node, const Options& options) {
  return options.on_request == 0 ||
         *static_cast<const uint8_t*>(api::Input(context, node, RequestPosition(options)).data()) != 0;
}

api::Status Invoke(api::Context* context, api::Node* node) {
  const Options& options = DataOf<Options>(node)->options;
  if (!IsRequested(context, node, options)) return api::kOk;
  const Span<int32_t> values = api::Input(context, node, kResetValues).ints();
  for (int i = 0; i < options.states; ++i) {
    const api::Tensor state = api::Input(context, node, kFirstState + i);
    ResetState(state.data(), state.size() * state.element_bytes(), values[i]);
  }
  return api::kOk;
}

}  // namespace

TINYPROP_DEFINE_OP(ResetState, Options, Prepare, Invoke, nullptr)

}  // namespace tinyprop
