// A multilayer perceptron that trains by calling the core in the order in which the ops of a trainable .tflite do:
// what tests and benchmarks run where there is no TFLM. float32, ReLU, softmax cross entropy, all memory inside.
//
//   static CoreMlp<1, 64, 32, 10> mlp;    // batch, inputs, hidden ..., classes; inside a function, since nobody runs
//                                         // constructors of global objects on a board
//   tinyprop::Trainer trainer;
//   trainer.Init(mlp.graph(), mlp.metadata());
#ifndef TINYPROP_TESTS_FIRMWARE_CORE_MLP_H_
#define TINYPROP_TESTS_FIRMWARE_CORE_MLP_H_

#include <cstdint>

#include "cc/core/begin_step.h"
#include "cc/core/control.h"
#include "cc/core/decision.h"
#include "cc/core/float_bits.h"
#include "cc/core/fully_connected_grad.h"
#include "cc/core/sample_status.h"
#include "cc/core/softmax_cross_entropy.h"
#include "cc/core/sparsify.h"
#include "cc/core/statistics.h"
#include "cc/runtime/training_graph.h"
#include "tests/firmware/mlp_metadata.h"
#include "tests/firmware/random.h"

namespace tinyprop {

template <int32_t kBatch, int32_t... kWidths>
class CoreMlp {
 public:
  static constexpr int32_t kLayers = static_cast<int32_t>(sizeof...(kWidths)) - 1;
  static constexpr int32_t kWidth[kLayers + 1] = {kWidths...};
  static constexpr int32_t kParameters = MlpParameters(kWidth);
  static constexpr int32_t kVariables = 2 * kLayers + 1;

  // Seed of the exported weights.
  explicit CoreMlp(uint32_t seed = 1) : seed_(seed) {}

  TrainingGraph graph() {
    TrainingGraph graph;
    graph.context = this;
    graph.invoke = [](void* self) { return static_cast<CoreMlp*>(self)->Invoke(); };
    graph.reset = [](void* self) { return static_cast<CoreMlp*>(self)->Reset(); };
    graph.input = [](void* self, int32_t i) { return static_cast<CoreMlp*>(self)->Input(i); };
    graph.output = [](void* self, int32_t i) { return static_cast<CoreMlp*>(self)->Output(i); };
    graph.inputs = 3;
    graph.outputs = 3 + kVariables;
    return graph;
  }
  Span<const uint8_t> metadata() const { return {kMetadata.bytes, sizeof kMetadata.bytes}; }

  // The stages of Invoke, for benchmarks that count them one by one.
  void Forward();
  void Loss();
  void Backward();

  Control& control() { return control_; }
  float* input() { return activation_; }
  int32_t* label() { return label_; }
  float* variable(int32_t index) { return VariableAt(index).data; }
  Span<int32_t> gate() { return {gate_, kBatch}; }

 private:
  static constexpr auto kMetadata = MlpMetadata<kBatch, kWidths...>();
  static constexpr int32_t kActivations = MlpActivations(kWidth);  // of one sample, the input included

  bool Invoke();
  bool Reset() {
    is_initialized_ = false;
    return true;
  }
  void Initialize();
  TensorView Input(int32_t position);
  TensorView Output(int32_t position);
  Span<float> VariableAt(int32_t index);
  Span<float> Kernel(int32_t layer) { return VariableAt(2 * (layer - 1)); }
  Span<float> Bias(int32_t layer) { return VariableAt(2 * (layer - 1) + 1); }
  // y of a layer for all samples, and dLoss/dy; layer 0 is the input.
  Span<float> Activations(int32_t layer);
  Span<float> Deltas(int32_t layer);

  uint32_t seed_;
  bool is_initialized_ = false;
  int32_t label_[kBatch] = {};
  int32_t finite_[kBatch] = {};
  int32_t gate_[kBatch] = {};
  Control control_ = {};
  float loss_[kBatch] = {};
  float state_[1 + kLayers] = {};
  float statistics_[(1 + kLayers) * kBatch * kStatisticsFields] = {};
  float activation_[kBatch * kActivations] = {};
  float delta_[kBatch * (kActivations - kWidth[0])] = {};
  float parameter_[kParameters] = {};
};

template <int32_t kBatch, int32_t... kWidths>
Span<float> CoreMlp<kBatch, kWidths...>::VariableAt(int32_t index) {
  if (index == kVariables - 1) return {state_, 1 + kLayers};
  float* at = parameter_;
  for (int32_t layer = 1;; ++layer) {
    const int32_t kernel = kWidth[layer - 1] * kWidth[layer], bias = kWidth[layer];
    if (index == 2 * (layer - 1)) return {at, kernel};
    if (index == 2 * (layer - 1) + 1) return {at + kernel, bias};
    at += kernel + bias;
  }
}

template <int32_t kBatch, int32_t... kWidths>
Span<float> CoreMlp<kBatch, kWidths...>::Activations(int32_t layer) {
  float* at = activation_;
  for (int32_t l = 0; l < layer; ++l) at += kBatch * kWidth[l];
  return {at, kBatch * kWidth[layer]};
}

template <int32_t kBatch, int32_t... kWidths>
Span<float> CoreMlp<kBatch, kWidths...>::Deltas(int32_t layer) {
  float* at = delta_;
  for (int32_t l = 1; l < layer; ++l) at += kBatch * kWidth[l];
  return {at, kBatch * kWidth[layer]};
}

template <int32_t kBatch, int32_t... kWidths>
TensorView CoreMlp<kBatch, kWidths...>::Input(int32_t position) {
  switch (position) {
    case 0:
      return {activation_, static_cast<int32_t>(sizeof(float)) * kBatch * kWidth[0], ElementType::kFloat32};
    case 1:
      return {label_, sizeof label_, ElementType::kInt32};
    case 2:
      return {&control_, sizeof control_, ElementType::kFloat32};
    default:
      return {};
  }
}

template <int32_t kBatch, int32_t... kWidths>
TensorView CoreMlp<kBatch, kWidths...>::Output(int32_t position) {
  if (position < 0 || position >= 3 + kVariables) return {};
  Span<float> values = {loss_, kBatch};
  if (position == 0) values = Activations(kLayers);
  if (position == 2) values = {statistics_, (1 + kLayers) * kBatch * kStatisticsFields};
  if (position >= 3) values = VariableAt(position - 3);
  return {values.data, values.size * static_cast<int32_t>(sizeof(float)), ElementType::kFloat32};
}

// TinyPropInitialize.
template <int32_t kBatch, int32_t... kWidths>
void CoreMlp<kBatch, kWidths...>::Initialize() {
  const Span<int32_t> finite = {finite_, kBatch};
  BeginStep({statistics_, (1 + kLayers) * kBatch * kStatisticsFields}, finite);
  MarkNonFinite(Activations(0), finite);
  if (is_initialized_) return;
  is_initialized_ = true;
  Random random(seed_);
  for (int32_t layer = 1; layer <= kLayers; ++layer) {
    // Uniform with the variance of Glorot's initialization, rounded to a power of two, so that it is exact.
    float limit = 1.0f;
    while (limit * limit * static_cast<float>(kWidth[layer - 1] + kWidth[layer]) > 6.0f) limit *= 0.5f;
    for (float& weight : Kernel(layer)) weight = limit * random.Uniform();
    for (float& bias : Bias(layer)) bias = 0.0f;
  }
  for (float& maximum : state_) maximum = 0.0f;
}

template <int32_t kBatch, int32_t... kWidths>
void CoreMlp<kBatch, kWidths...>::Forward() {
  for (int32_t layer = 1; layer <= kLayers; ++layer) {
    const int32_t inputs = kWidth[layer - 1], units = kWidth[layer];
    const float* weights = Kernel(layer).data;
    const float* const bias = Bias(layer).data;
    for (int32_t u = 0; u < units; ++u, weights += inputs) {
      for (int32_t b = 0; b < kBatch; ++b) {
        const float* const x = Activations(layer - 1).data + b * inputs;
        float sum = 0.0f;
        for (int32_t i = 0; i < inputs; ++i) sum += weights[i] * x[i];
        sum += bias[u];
        Activations(layer)[b * units + u] = layer < kLayers && !(sum > 0.0f) ? 0.0f : sum;
      }
    }
  }
}

template <int32_t kBatch, int32_t... kWidths>
void CoreMlp<kBatch, kWidths...>::Loss() {
  constexpr int32_t kClasses = kWidth[kLayers];
  for (int32_t b = 0; b < kBatch; ++b) {
    loss_[b] = SoftmaxCrossEntropySparse(Activations(kLayers).subspan(b * kClasses, kClasses), label_[b], 0.0f,
                                         Deltas(kLayers).subspan(b * kClasses, kClasses));
  }
}

// TinyPropDecision and the gradient ops.
template <int32_t kBatch, int32_t... kWidths>
void CoreMlp<kBatch, kWidths...>::Backward() {
  const Statistics statistics = {statistics_, kBatch};
  const DecisionInput input = {{finite_, kBatch}, {loss_, kBatch}, Deltas(kLayers)};
  Decide(control_, input, &state_[0], gate(), statistics);
  for (int32_t layer = kLayers; layer >= 1; --layer) {
    const bool is_last = layer == kLayers, hands_down = layer > 1;
    LayerPosition position;
    position.row = layer;
    position.layers_above = kLayers - layer;
    position.shares_decision = is_last;
    position.macs_per_gradient = kWidth[layer - 1] * (hands_down ? 2 : 1);
    const LayerTensors tensors = {Activations(layer - 1), Activations(layer), Deltas(layer)};
    if (SparsifyDelta(control_, position, is_last ? Activation::kNone : Activation::kRelu, tensors, gate(),
                      &state_[is_last ? 0 : layer], statistics) == 0) {
      continue;
    }
    FullyConnectedGradParams params;
    params.rows = kBatch;
    params.inputs = kWidth[layer - 1];
    params.units = kWidth[layer];
    params.step = control_.StepSize(kBatch);
    params.delta = tensors.delta.data;
    params.input = tensors.input.data;
    params.weights = Kernel(layer).data;
    params.trained_weights = Kernel(layer).data;
    params.trained_bias = Bias(layer).data;
    params.input_delta = hands_down ? Deltas(layer - 1).data : nullptr;
    FullyConnectedGrad(params);
  }
}

template <int32_t kBatch, int32_t... kWidths>
bool CoreMlp<kBatch, kWidths...>::Invoke() {
  Initialize();
  Forward();
  Loss();
  Backward();
  return true;
}

}  // namespace tinyprop

#endif  // TINYPROP_TESTS_FIRMWARE_CORE_MLP_H_
