// TinyPropFullyConnectedGrad: backward pass and update of one FULLY_CONNECTED op.
//
//   inputs   delta        float32 [B, ..., U], dLoss/dy; becomes the sparse dLoss/dz in place
//            input        float32 [B, ..., I], x; may be left out if the weights are frozen
//            output       float32 [B, ..., U], y; only needed with a fused activation
//            weights      float32 [U, I], variable if trained
//            bias         float32 [U], variable if trained; may be left out
//            gate         int32 [B], from TinyPropDecision
//            control      float32 [8]
//            statistics   float32 [1 + L, B, 4], variable: row l is written
//            state        float32 [1 + L], variable: element l is the layer's running maximum
//   outputs  input_delta  float32 [B, ..., I], dLoss/dx; no output at all at the first trainable layer
//
// Variables are updated in place. If no sample's gate is open nothing is read or written, not even
// input_delta: every op further down sees the same gate.
#include "cc/core/fully_connected_grad.h"
#include "cc/core/sparsify.h"
#include "cc/tflm/op_support.h"
#include "cc/tflm/registrations.h"

namespace tinyprop {
namespace {

constexpr int kDelta = 0;
constexpr int kInput = 1;
constexpr int kOutput = 2;
constexpr int kWeights = 3;
constexpr int kBias = 4;
constexpr int kGate = 5;
constexpr int kControl = 6;
constexpr int kStatistics = 7;
constexpr int kState = 8;
constexpr int kInputDelta = 0;  // output

using Options = LayerGradOptions;

bool Has(const Options& options, uint8_t flag) { return (options.flags & flag) != 0; }

api::Status Prepare(api::Context* context, api::Node* node) {
  const auto* data = DataOf<Options>(node);
  if (data == nullptr || !CheckOptions(kFullyConnectedGradName, data->error)) return api::kError;
  const Options& options = data->options;

  TensorChecker check(kFullyConnectedGradName, context, node);
  check.Counts(9, api::OutputCount(node) == 0 ? 0 : 1);
  const api::Tensor delta = check.Input(kDelta, "delta", api::Type::kFloat32);
  const api::Tensor input = check.OptionalInput(kInput, "input", api::Type::kFloat32);
  const api::Tensor output = check.OptionalInput(kOutput, "output", api::Type::kFloat32);
  const api::Tensor weights = check.Input(kWeights, "weights", api::Type::kFloat32);
  const api::Tensor bias = check.OptionalInput(kBias, "bias", api::Type::kFloat32);
  const api::Tensor gate = check.Input(kGate, "gate", api::Type::kInt32);
  const api::Tensor control = check.Input(kControl, "control", api::Type::kFloat32);
  const api::Tensor statistics = check.Input(kStatistics, "statistics", api::Type::kFloat32);
  const api::Tensor state = check.Input(kState, "state", api::Type::kFloat32);
  check.Require(!check.ok() || weights.rank == 2, "needs weights of shape [units, inputs]");
  if (!check.ok()) return check.status();

  const int32_t units = weights.dims[0];
  const int32_t batch = gate.size();
  const int32_t rows = delta.size() / units;
  check.Size("delta", delta, rows * units);
  check.Require(rows % batch == 0, "needs a delta that the batch divides");
  check.Require(input.exists || !Has(options, Options::kUpdatesWeights),
                "needs its input to update weights");
  if (input.exists) check.Size("input", input, rows * weights.dims[1]);
  check.Require(output.exists || options.fused_activation == 0,
                "needs its output for the gradient of the fused activation");
  if (output.exists) check.Size("output", output, delta.size());
  check.Require(bias.exists || !Has(options, Options::kUpdatesBias), "has no bias to update");
  if (bias.exists) check.Size("bias", bias, units);
  check.Size("control", control, kControlSize);
  check.Require(options.layer < state.size(), "has a layer number beyond the state");
  check.Size("statistics", statistics, state.size() * batch * kStatisticsFields);
  if (api::OutputCount(node) != 0) {
    const api::Tensor input_delta = check.Output(kInputDelta, "input delta", api::Type::kFloat32);
    if (check.ok()) check.Size("input delta", input_delta, rows * weights.dims[1]);
  }
  return check.status();
}

LayerPosition PositionOf(const Options& options, int32_t inputs, bool hands_down) {
  LayerPosition position;
  position.row = options.layer;
  position.layers_above = options.layers_above;
  position.shares_decision = Has(options, Options::kSharesDecision);
  position.macs_per_gradient =
      inputs * (int32_t{hands_down} + int32_t{Has(options, Options::kUpdatesWeights)});
  return position;
}

api::Status Invoke(api::Context* context, api::Node* node) {
  const Options& options = DataOf<Options>(node)->options;
  const Span<int32_t> gate = api::Input(context, node, kGate).ints();
  const auto& control = *static_cast<const Control*>(api::Input(context, node, kControl).data);
  const Span<float> delta = api::Input(context, node, kDelta).floats();
  const api::Tensor weights = api::Input(context, node, kWeights);
  const Span<float> state = api::Input(context, node, kState).floats();
  const Span<float> input_delta = api::Output(context, node, kInputDelta).floats();

  const LayerPosition position = PositionOf(options, weights.dims[1], !input_delta.empty());
  const Statistics statistics = {
      static_cast<float*>(api::Input(context, node, kStatistics).data), gate.size};
  const LayerTensors tensors = {api::Input(context, node, kInput).floats(),
                                api::Input(context, node, kOutput).floats(), delta};
  const int32_t trained =
      SparsifyDelta(control, position, static_cast<Activation>(options.fused_activation), tensors,
                    gate, &state[position.shares_decision ? 0 : options.layer], statistics);
  if (trained == 0) return api::kOk;

  FullyConnectedGradParams params;
  params.rows = delta.size / weights.dims[0];
  params.inputs = weights.dims[1];
  params.units = weights.dims[0];
  params.step = control.learning_rate / static_cast<float>(gate.size);
  params.delta = delta.data;
  params.input = tensors.input.data;
  params.weights = weights.floats().data;
  if (Has(options, Options::kUpdatesWeights)) params.trained_weights = weights.floats().data;
  if (Has(options, Options::kUpdatesBias)) {
    params.trained_bias = api::Input(context, node, kBias).floats().data;
  }
  params.input_delta = input_delta.data;
  FullyConnectedGrad(params);
  return api::kOk;
}

}  // namespace

const api::Registration& RegisterFullyConnectedGrad() {
  static constexpr api::Registration registration = {
      InitOp<Options>, nullptr, Prepare, Invoke, nullptr, 0, kFullyConnectedGradName};
  return registration;
}

}  // namespace tinyprop
