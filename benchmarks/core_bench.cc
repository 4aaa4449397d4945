// Workload of the core benchmark: one backward pass and update of the MLP 784-128-64-10 and of three
// convolutions, batch 1, of a dense layer over a batch, and the selection alone.
//
// Run under callgrind with --instr-atstart=no. Every measured region ends in a named dump whose total is
// the number of instructions executed in it; benchmarks/bench.py reads the dumps by name. The region
// "empty" holds nothing and gives the cost of the measurement itself.
// Linked with --wrap for malloc and its relatives: what a training step allocates is counted and printed.
#include <valgrind/callgrind.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "cc/core/conv_2d_grad.h"
#include "cc/core/decision.h"
#include "cc/core/depthwise_conv_2d_grad.h"
#include "cc/core/fully_connected_grad.h"
#include "cc/core/sample_status.h"
#include "cc/core/selection.h"
#include "cc/core/softmax_cross_entropy.h"
#include "cc/core/sparsify.h"

namespace {
long allocations = 0;
}  // namespace

extern "C" {
void* __real_malloc(size_t bytes);
void* __real_calloc(size_t count, size_t bytes);
void* __real_realloc(void* memory, size_t bytes);

void* __wrap_malloc(size_t bytes) {
  ++allocations;
  return __real_malloc(bytes);
}
void* __wrap_calloc(size_t count, size_t bytes) {
  ++allocations;
  return __real_calloc(count, bytes);
}
void* __wrap_realloc(void* memory, size_t bytes) {
  ++allocations;
  return __real_realloc(memory, bytes);
}
}  // extern "C"

void* operator new(size_t bytes) { return std::malloc(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace {

using namespace tinyprop;

std::mt19937 generator(20240907);

std::vector<float> Normal(int32_t n) {
  std::normal_distribution<float> distribution;
  std::vector<float> values(n);
  for (float& value : values) value = distribution(generator);
  return values;
}

// Like the output of a ReLU: about half of the elements are zero.
std::vector<float> ReluLike(int32_t n) {
  std::vector<float> values = Normal(n);
  for (float& value : values) value = std::max(value, 0.0f);
  return values;
}

// Measures `work` as the region `name`.
template <typename Work>
void Measure(const std::string& name, Work work) {
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  work();
  CALLGRIND_DUMP_STATS_AT(name.c_str());
  CALLGRIND_STOP_INSTRUMENTATION;
}

// One dense layer with everything its training step needs.
struct Layer {
  int32_t inputs, units;
  LayerPosition position;
  Activation activation;
  std::vector<float> input, weights, bias, output, fresh_delta, delta, input_delta;
  float running_maximum = 0.0f;

  Layer(int32_t row, int32_t inputs, int32_t units, bool is_output, bool hands_down)
      : inputs(inputs),
        units(units),
        activation(is_output ? Activation::kNone : Activation::kRelu),
        input(ReluLike(inputs)),
        weights(Normal(inputs * units)),
        bias(Normal(units)),
        output(units, 1.0f),
        fresh_delta(Normal(units)),
        delta(units),
        input_delta(hands_down ? inputs : 0) {
    position.row = row;
    position.shares_decision = is_output;
    position.macs_per_gradient = inputs * (hands_down ? 2 : 1);
  }

  void Reset() {
    delta = fresh_delta;
    running_maximum = 0.0f;
  }

  void Backward(const Control& control, Span<int32_t> gate, Statistics statistics) {
    const LayerTensors tensors = {
        {input.data(), inputs}, {output.data(), units}, {delta.data(), units}};
    SparsifyDelta(control, position, activation, tensors, gate, &running_maximum, statistics);
    FullyConnectedGradParams params;
    params.rows = 1;
    params.inputs = inputs;
    params.units = units;
    params.step = control.learning_rate;
    params.delta = delta.data();
    params.input = input.data();
    params.weights = weights.data();
    params.trained_weights = weights.data();
    params.trained_bias = bias.data();
    params.input_delta = input_delta.empty() ? nullptr : input_delta.data();
    FullyConnectedGrad(params);
  }
};

Control FixedShare(float share) { return {0.01f, share, share, 1.0f, 1.0f, 1.0f, 0.0f, 1.0f}; }

struct Mlp {
  // The outputs are positive at first, so that no gradient is masked and 100 % is the whole work.
  std::vector<Layer> layers;
  std::vector<float> statistics = std::vector<float>(5 * kStatisticsFields);
  int32_t gate = static_cast<int32_t>(SampleStatus::kTrained);

  Mlp() {
    layers.emplace_back(1, 784, 128, false, false);
    layers.emplace_back(2, 128, 64, false, true);
    layers.emplace_back(3, 64, 10, true, true);
  }

  // Backward and update of each layer on its own, as "<name> <percent kept> <row>".
  void MeasureShares(const std::string& name) {
    for (int percent : {100, 30, 10}) {
      const Control control = FixedShare(static_cast<float>(percent) / 100.0f);
      for (Layer& layer : layers) {
        layer.Reset();
        const std::string region =
            name + " " + std::to_string(percent) + " " + std::to_string(layer.position.row);
        Measure(region, [&] { layer.Backward(control, {&gate, 1}, {statistics.data(), 1}); });
      }
    }
  }

  // About half of the hidden units as they are in practice: closed, their gradient masked.
  void CloseHalfOfTheRelus() {
    for (Layer& layer : layers) {
      if (layer.activation == Activation::kRelu) layer.output = ReluLike(layer.units);
    }
  }

  // A whole step after set-up: loss, decision, backward and update of all layers.
  void TrainStep(const Control& control) {
    Layer& top = layers.back();
    const Statistics stats = {statistics.data(), 1};
    const int32_t finite = 1;
    const float loss =
        SoftmaxCrossEntropySparse({top.output.data(), top.units}, 3, 0.0f, {top.delta.data(), top.units});
    Decide(control, {{&finite, 1}, {&loss, 1}, {top.delta.data(), top.units}}, &top.running_maximum,
           {&gate, 1}, stats);
    for (size_t l = layers.size(); l-- > 0;) {
      layers[l].Backward(control, {&gate, 1}, stats);
      if (l > 0) std::copy_n(layers[l].input_delta.data(), layers[l].inputs, layers[l - 1].delta.data());
    }
  }
};

// One dense layer 128 -> 64 over a batch of 8, as "batch <percent kept>".
void MeasureBatch() {
  constexpr int32_t kRows = 8, kInputs = 128, kUnits = 64;
  const std::vector<float> input = ReluLike(kRows * kInputs), fresh_delta = Normal(kRows * kUnits);
  std::vector<float> output(kRows * kUnits, 1.0f), weights = Normal(kInputs * kUnits), bias = Normal(kUnits), delta;
  std::vector<float> input_delta(kRows * kInputs), statistics(2 * kRows * kStatisticsFields);
  std::vector<int32_t> gate(kRows, static_cast<int32_t>(SampleStatus::kTrained));
  for (int percent : {100, 30, 10}) {
    delta = fresh_delta;
    float running_maximum = 0.0f;
    const Control control = FixedShare(static_cast<float>(percent) / 100.0f);
    const LayerTensors tensors = {{input.data(), kRows * kInputs}, {output.data(), kRows * kUnits}, {delta.data(), kRows * kUnits}};
    FullyConnectedGradParams params;
    params.rows = kRows;
    params.inputs = kInputs;
    params.units = kUnits;
    params.step = control.learning_rate / kRows;
    params.delta = delta.data();
    params.input = input.data();
    params.weights = params.trained_weights = weights.data();
    params.trained_bias = bias.data();
    params.input_delta = input_delta.data();
    Measure("batch " + std::to_string(percent), [&] {
      SparsifyDelta(control, LayerPosition(), Activation::kRelu, tensors, {gate.data(), kRows}, &running_maximum,
                    {statistics.data(), kRows});
      FullyConnectedGrad(params);
    });
  }
}

// One convolution with stride 1 and padding SAME in the middle of a network.
struct ConvLayer {
  const char* name;
  void (*grad)(const ConvGradParams&);
  ConvShape shape;
  std::vector<float> input, weights, bias, output, fresh_delta, delta, input_delta, scratch;
  int32_t macs_per_gradient;

  ConvLayer(const char* name, bool depthwise, int32_t size, int32_t taps, int32_t inputs, int32_t outputs)
      : name(name), grad(depthwise ? DepthwiseConv2DGrad : Conv2DGrad) {
    shape.input_height = shape.input_width = shape.output_height = shape.output_width = size;
    shape.input_channels = inputs;
    shape.output_channels = outputs;
    shape.filter_height = shape.filter_width = taps;
    shape.pad_top = shape.pad_left = (taps - 1) / 2;
    const int32_t filter = taps * taps * (depthwise ? 1 : inputs);
    input = ReluLike(size * size * inputs);
    weights = Normal(filter * outputs);
    bias = Normal(outputs);
    output.assign(size * size * outputs, 1.0f);  // all ReLUs are open
    fresh_delta = Normal(size * size * outputs);
    input_delta.resize(input.size());
    scratch.resize(depthwise ? DepthwiseConv2DGradScratch(shape) : Conv2DGradScratch(shape));
    macs_per_gradient = 2 * filter;
  }

  void Backward(const Control& control, Span<int32_t> gate, Statistics statistics) {
    LayerPosition position;
    position.macs_per_gradient = macs_per_gradient;
    float running_maximum = 0.0f;
    const LayerTensors tensors = {{input.data(), static_cast<int32_t>(input.size())},
                                  {output.data(), static_cast<int32_t>(output.size())},
                                  {delta.data(), static_cast<int32_t>(delta.size())}};
    SparsifyDelta(control, position, Activation::kRelu, tensors, gate, &running_maximum, statistics);
    ConvGradParams params;
    params.shape = shape;
    params.step = control.learning_rate;
    params.delta = delta.data();
    params.input = input.data();
    params.weights = params.trained_weights = weights.data();
    params.trained_bias = bias.data();
    params.input_delta = input_delta.data();
    params.scratch = scratch.data();
    grad(params);
  }

  // Backward and update as "<name> <percent kept>"; prints the multiply-accumulates of each.
  void MeasureShares() {
    std::vector<float> statistics(2 * kStatisticsFields);
    int32_t gate = static_cast<int32_t>(SampleStatus::kTrained);
    for (int percent : {100, 30, 10}) {
      delta = fresh_delta;
      const Control control = FixedShare(static_cast<float>(percent) / 100.0f);
      const std::string region = std::string(name) + " " + std::to_string(percent);
      Measure(region, [&] { Backward(control, {&gate, 1}, {statistics.data(), 1}); });
      std::printf("macs %s %.0f\n", region.c_str(), statistics[kStatisticsFields + 3]);
    }
  }
};

void MeasureSelection(const std::string& name, int32_t k, Layer& layer) {
  layer.Reset();
  Measure("select " + name, [&] { KeepTopK(k, {layer.delta.data(), layer.units}); });
  layer.Reset();
  std::vector<float> statistics(5 * kStatisticsFields);
  int32_t gate = static_cast<int32_t>(SampleStatus::kTrained);
  Measure("dense " + name,
          [&] { layer.Backward(FixedShare(1.0f), {&gate, 1}, {statistics.data(), 1}); });
}

}  // namespace

int main() {
  Measure("empty", [] {});

  Mlp mlp;
  mlp.MeasureShares("mlp");

  Layer first(1, 784, 128, false, false), second(2, 128, 64, false, true);
  Layer wide(2, 1024, 1024, false, true);
  MeasureSelection("64 19", 19, second);
  MeasureSelection("128 38", 38, first);
  MeasureSelection("1024 102", 102, wide);
  MeasureSelection("1024 512", 512, wide);

  mlp.CloseHalfOfTheRelus();
  mlp.MeasureShares("masked");

  ConvLayer("conv_3x3", false, 16, 3, 16, 16).MeasureShares();
  ConvLayer("pointwise", false, 8, 1, 64, 64).MeasureShares();
  ConvLayer("depthwise_3x3", true, 16, 3, 32, 32).MeasureShares();
  MeasureBatch();

  const long before = allocations;
  for (float share : {1.0f, 0.3f, 0.1f, 0.5f}) mlp.TrainStep(FixedShare(share));
  std::printf("allocations %ld\n", allocations - before);
  // Set-up allocates: a hook that counts nothing would show here.
  return before > 0 ? 0 : 1;
}
