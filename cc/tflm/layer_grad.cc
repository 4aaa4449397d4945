#include "cc/tflm/layer_grad.h"

#include "cc/core/sparsify.h"

namespace tinyprop {
namespace {

using T = LayerGradTensors;

constexpr TensorSpec kSpecs[T::kCount] = {{"delta", TensorSpec::kMutable},
                                          {"input", TensorSpec::kOptional},
                                          {"output", TensorSpec::kOptional},
                                          {"weights", TensorSpec::kFloat},
                                          {"bias", TensorSpec::kOptional},
                                          {"gate", TensorSpec::kInt | TensorSpec::kMutable},
                                          {"control", TensorSpec::kFloat},
                                          {"statistics", TensorSpec::kMutable},
                                          {"state", TensorSpec::kMutable},
                                          {"input delta", TensorSpec::kOutput | TensorSpec::kOptional}};

bool Has(const LayerGradOptions& options, uint8_t flag) { return (options.flags & flag) != 0; }

}  // namespace

LayerGradTensors CheckedTensors(TensorChecker* check, api::Context* context, const api::Node* node,
                                const LayerGradOptions& options) {
  LayerGradTensors t;
  check->Take(context, node, kSpecs, t.tensors);
  const bool updates_weights = Has(options, LayerGradOptions::kUpdatesWeights);
  const bool updates_bias = Has(options, LayerGradOptions::kUpdatesBias);
  check->Require(!updates_weights || (t[T::kWeights].data() == nullptr && t[T::kInput].exists()),
                 "needs variable weights and its input to update weights");
  check->Require(!updates_bias || (t[T::kBias].exists() && t[T::kBias].data() == nullptr),
                 "needs a variable bias to update it");
  check->Require(!Has(options, LayerGradOptions::kOnlyUpdates) ||
                     (options.fused_activation == 0 && !t[T::kInputDelta].exists()),
                 "masks no delta and hands none down where it only updates");
  check->Require(t[T::kOutput].exists() || options.fused_activation == 0,
                 "needs its output for the gradient of the fused activation");
  return t;
}

void CheckSizes(TensorChecker* check, const LayerGradOptions& options, const LayerGradTensors& t,
                const LayerGradSizes& sizes) {
  if (!check->ok()) return;
  const int32_t samples = t[T::kGate].size();
  const int32_t rows = t[T::kState].size();
  check->Require(sizes.batch % samples == 0, "needs a delta that the batch divides");
  const int32_t expected[T::kCount] = {sizes.delta_size, sizes.input_size, sizes.delta_size, t[T::kWeights].size(),
                                       sizes.units,      samples,          kControlSize,     SizeProduct(rows, samples, kStatisticsFields),
                                       rows,             sizes.input_size};
  for (int i = 0; i < T::kCount; ++i) check->Size(kSpecs[i], t.tensors[i], expected[i]);
  check->Require(options.layer < rows, "has a layer number beyond the state");
}

LayerGradTensors TensorsOf(api::Context* context, const api::Node* node) {
  LayerGradTensors t;
  TensorsOf(context, node, kSpecs, t.tensors);
  return t;
}

bool BeginLayerGrad(const LayerGradOptions& options, const LayerGradTensors& t, int32_t macs,
                    LayerGradParams* params) {
  const bool updates_weights = Has(options, LayerGradOptions::kUpdatesWeights);
  float* const weights = t[T::kWeights].float_data();
  params->input_delta = t[T::kInputDelta].float_data();
  LayerPosition position;
  position.row = options.layer;
  position.layers_above = options.layers_above;
  position.shares_decision = Has(options, LayerGradOptions::kSharesDecision);
  position.is_sparse = Has(options, LayerGradOptions::kOnlyUpdates);
  position.macs_per_gradient =
      macs * (int32_t{params->input_delta != nullptr} + int32_t{updates_weights});

  const auto& control = *static_cast<const Control*>(t[T::kControl].data());
  const LayerTensors tensors = {t[T::kInput].floats(), t[T::kOutput].floats(), t[T::kDelta].floats()};
  const Span<int32_t> gate = t[T::kGate].ints();
  float* const running_maximum = &t[T::kState].float_data()[position.shares_decision ? 0 : options.layer];
  const Statistics statistics = {t[T::kStatistics].float_data(), gate.size};
  if (SparsifyDelta(control, position, static_cast<Activation>(options.fused_activation), tensors, gate, running_maximum,
                    statistics) == 0) {
    return false;
  }
  params->step = control.StepSize(gate.size);
  params->delta = tensors.delta.data;
  params->input = tensors.input.data;
  params->weights = weights;
  if (updates_weights) params->trained_weights = weights;
  if (Has(options, LayerGradOptions::kUpdatesBias)) params->trained_bias = t[T::kBias].float_data();
  return true;
}

}  // namespace tinyprop
