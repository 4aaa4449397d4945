#include "cc/tflm/layer_grad.h"

#include "cc/core/sparsify.h"

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

bool Has(const LayerGradOptions& options, uint8_t flag) { return (options.flags & flag) != 0; }

}  // namespace

LayerGradTensors CheckedTensors(TensorChecker* check, api::Node* node,
                                const LayerGradOptions& options) {
  constexpr api::Type kFloat = api::Type::kFloat32;
  LayerGradTensors t;
  check->Counts(9, api::OutputCount(node) == 0 ? 0 : 1);
  t.delta = check->MutableInput(kDelta, "delta", kFloat);
  t.input = check->OptionalInput(kInput, "input", kFloat);
  t.output = check->OptionalInput(kOutput, "output", kFloat);
  t.weights = check->Input(kWeights, "weights", kFloat);
  t.bias = check->OptionalInput(kBias, "bias", kFloat);
  t.gate = check->MutableInput(kGate, "gate", api::Type::kInt32);
  t.control = check->Input(kControl, "control", kFloat);
  t.statistics = check->MutableInput(kStatistics, "statistics", kFloat);
  t.state = check->MutableInput(kState, "state", kFloat);
  if (api::OutputCount(node) != 0) t.input_delta = check->Output(kInputDelta, "input delta", kFloat);
  check->Require(t.weights.data == nullptr || !Has(options, LayerGradOptions::kUpdatesWeights),
                 "cannot update constant weights");
  check->Require(t.bias.data == nullptr || !Has(options, LayerGradOptions::kUpdatesBias),
                 "cannot update a constant bias");
  check->Require(t.input.exists || !Has(options, LayerGradOptions::kUpdatesWeights),
                 "needs its input to update weights");
  check->Require(t.output.exists || options.fused_activation == 0,
                 "needs its output for the gradient of the fused activation");
  check->Require(t.bias.exists || !Has(options, LayerGradOptions::kUpdatesBias),
                 "has no bias to update");
  return t;
}

void CheckSizes(TensorChecker* check, const LayerGradOptions& options, const LayerGradTensors& t,
                const LayerGradSizes& sizes) {
  if (!check->ok()) return;
  const int32_t samples = t.gate.size();
  check->Require(sizes.batch % samples == 0, "needs a delta that the batch divides");
  check->Size("delta", t.delta, sizes.delta_size);
  if (t.input.exists) check->Size("input", t.input, sizes.input_size);
  if (t.output.exists) check->Size("output", t.output, sizes.delta_size);
  if (t.bias.exists) check->Size("bias", t.bias, sizes.units);
  if (t.input_delta.exists) check->Size("input delta", t.input_delta, sizes.input_size);
  check->Size("control", t.control, kControlSize);
  check->Require(options.layer < t.state.size(), "has a layer number beyond the state");
  check->Size("statistics", t.statistics, t.state.size() * samples * kStatisticsFields);
}

LayerGradTensors TensorsOf(api::Context* context, const api::Node* node) {
  LayerGradTensors t;
  t.delta = api::Input(context, node, kDelta);
  t.input = api::Input(context, node, kInput);
  t.output = api::Input(context, node, kOutput);
  t.weights = api::Input(context, node, kWeights);
  t.bias = api::Input(context, node, kBias);
  t.gate = api::Input(context, node, kGate);
  t.control = api::Input(context, node, kControl);
  t.statistics = api::Input(context, node, kStatistics);
  t.state = api::Input(context, node, kState);
  t.input_delta = api::Output(context, node, kInputDelta);
  return t;
}

bool BeginLayerGrad(const LayerGradOptions& options, const LayerGradTensors& t, int32_t units,
                    LayerGradParams* params) {
  const bool updates_weights = Has(options, LayerGradOptions::kUpdatesWeights);
  LayerPosition position;
  position.row = options.layer;
  position.layers_above = options.layers_above;
  position.shares_decision = Has(options, LayerGradOptions::kSharesDecision);
  position.macs_per_gradient =
      t.weights.size() / units * (int32_t{t.input_delta.exists} + int32_t{updates_weights});

  const auto& control = *static_cast<const Control*>(t.control.data);
  const LayerTensors tensors = {t.input.floats(), t.output.floats(), t.delta.floats()};
  const Span<int32_t> gate = t.gate.ints();
  float* const running_maximum = &t.state.floats()[position.shares_decision ? 0 : options.layer];
  const Statistics statistics = {static_cast<float*>(t.statistics.data), gate.size};
  const int32_t trained =
      SparsifyDelta(control, position, static_cast<Activation>(options.fused_activation), tensors,
                    gate, running_maximum, statistics);
  if (trained == 0) return false;

  params->step = control.learning_rate / static_cast<float>(gate.size);
  params->delta = tensors.delta.data;
  params->input = tensors.input.data;
  params->weights = t.weights.floats().data;
  if (updates_weights) params->trained_weights = t.weights.floats().data;
  if (Has(options, LayerGradOptions::kUpdatesBias)) params->trained_bias = t.bias.floats().data;
  params->input_delta = t.input_delta.floats().data;
  return true;
}

}  // namespace tinyprop
