// A TrainingGraph whose invoke does what a test says, with a valid metadata entry: for tests of the Trainer alone.
#ifndef TINYPROP_TESTS_CC_RUNTIME_SCRIPTED_GRAPH_H_
#define TINYPROP_TESTS_CC_RUNTIME_SCRIPTED_GRAPH_H_

#include <cstdint>
#include <algorithm>
#include <functional>
#include <vector>

#include "cc/core/sample_status.h"
#include "cc/core/statistics.h"
#include "cc/runtime/training_graph.h"
#include "cc/runtime/training_metadata.h"
#include "tests/cc/metadata_writer.h"

namespace tinyprop {

// One input of 3 elements and one output of 4 a sample; two layers, the first with a kernel of 6 elements, the second
// with a kernel of 8; with trained_output 1 another output of 2 a sample is in front of it; forward 100 multiply-accumulates, backward 5 * (2 + 0) + 4 * (3 + 1) = 26.
class ScriptedGraph {
 public:
  static constexpr int32_t kInputs = 3, kOutputs = 4, kLayers = 2, kVariables = 3;
  static constexpr uint64_t kForwardMacs = 100, kBackwardMacs = 26;

  explicit ScriptedGraph(int32_t batch = 1, LossKind loss = LossKind::kSparseCategoricalCrossentropy,
                         uint32_t metadata_version = wire::MetadataHeader::kLatestVersion, bool keeps_state = false,
                         uint32_t trained_output = 0)
      : batch(batch),
        keeps_state(keeps_state),
        is_sparse(kLabelKinds[static_cast<int>(loss)] == LabelKind::kClassIndex),
        x(batch * kInputs),
        classes(batch),
        targets(batch * kOutputs),
        control(kControlSize),
        y(batch * kOutputs),
        other(batch * 2),
        loss_value(batch),
        statistics((1 + kLayers) * batch * kStatisticsFields),
        variables{std::vector<float>(6), std::vector<float>(8), std::vector<float>(1 + kLayers)} {
    inputs = {View(x), is_sparse ? View(classes) : View(targets), View(control)};
    if (keeps_state) inputs.push_back({&reset_state, 1, ElementType::kOther});
    outputs = {View(y), View(loss_value), View(statistics), View(variables[0]), View(variables[1]), View(variables[2])};
    if (trained_output == 1) outputs.insert(outputs.begin(), View(other));
    WriteMetadata(loss, metadata_version, trained_output);
  }
  ScriptedGraph(const ScriptedGraph&) = delete;

  TrainingGraph graph() {
    TrainingGraph graph;
    graph.context = this;
    graph.invoke = [](void* self) { return static_cast<ScriptedGraph*>(self)->Invoke(); };
    graph.reset = [](void* self) { return static_cast<ScriptedGraph*>(self)->Reset(); };
    graph.input = [](void* self, int32_t i) { return At(static_cast<ScriptedGraph*>(self)->inputs, i); };
    graph.output = [](void* self, int32_t i) { return At(static_cast<ScriptedGraph*>(self)->outputs, i); };
    graph.inputs = static_cast<int32_t>(inputs.size());
    graph.outputs = static_cast<int32_t>(outputs.size());
    return graph;
  }
  Span<const uint8_t> metadata() const { return {entry.data(), static_cast<int32_t>(entry.size())}; }

  // Sets what the statistics say about a sample of this invoke.
  void Report(int32_t sample, SampleStatus status, float decision, float loss, float macs_1, float macs_2) {
    Statistics rows{statistics.data(), batch};
    rows.sample(sample).status = static_cast<float>(status);
    rows.sample(sample).decision = decision;
    rows.layer(1, sample).macs = macs_1;
    rows.layer(2, sample).macs = macs_2;
    loss_value[static_cast<size_t>(sample)] = loss;
  }

  int32_t batch;
  bool keeps_state;
  uint8_t reset_state = 7;
  std::vector<int> state_resets;  // what the request for a reset was in all invokes
  bool is_sparse;
  std::vector<float> x;
  std::vector<int32_t> classes;
  std::vector<float> targets;
  std::vector<float> control;
  std::vector<float> y, other;
  std::vector<float> loss_value;
  std::vector<float> statistics;
  std::vector<float> variables[kVariables];
  std::vector<TensorView> inputs, outputs;
  std::vector<uint8_t> entry;
  std::function<bool()> on_invoke = [] { return true; };
  std::vector<float> rates;  // of all invokes
  int resets = 0;
  bool can_reset = true;

 private:
  static TensorView At(const std::vector<TensorView>& views, int32_t i) {
    return i >= 0 && i < static_cast<int32_t>(views.size()) ? views[static_cast<size_t>(i)] : TensorView();
  }
  static TensorView View(std::vector<float>& values) {
    return {values.data(), static_cast<int32_t>(values.size() * sizeof(float)), ElementType::kFloat32};
  }
  static TensorView View(std::vector<int32_t>& values) {
    return {values.data(), static_cast<int32_t>(values.size() * sizeof(int32_t)), ElementType::kInt32};
  }

  // As TinyPropInitialize: the first invoke after the start or a reset puts the exported weights in.
  bool Invoke() {
    if (is_reset_) {
      const float exported[] = {1.0f, 2.0f, 0.0f};
      for (int32_t v = 0; v < kVariables; ++v) std::fill(variables[v].begin(), variables[v].end(), exported[v]);
      is_reset_ = false;
    }
    rates.push_back(control[0]);
    if (keeps_state) state_resets.push_back(reset_state);
    std::fill(statistics.begin(), statistics.end(), 0.0f);
    for (int32_t b = 0; b < batch; ++b) Report(b, SampleStatus::kInference, 0, 0, 0, 0);
    return on_invoke();
  }
  bool Reset() {
    ++resets;
    is_reset_ = true;
    return can_reset;
  }

  void WriteMetadata(LossKind loss, uint32_t version, uint32_t trained_output) {
    constexpr char kFirst[] = "hidden", kLast[] = "logits";
    entry.resize(static_cast<size_t>(testing::MetadataSize(kLayers, kVariables, sizeof kFirst + sizeof kLast, version)));
    testing::MetadataWriter writer(entry.data(), static_cast<int32_t>(entry.size()), kLayers, kVariables, version);
    writer.Put(wire::MetadataHeader::kBatchSize, static_cast<uint32_t>(batch));
    writer.Put(wire::MetadataHeader::kOriginalTensors, 10);
    writer.Put(wire::MetadataHeader::kForwardMacs, kForwardMacs);
    writer.PutPositions(1, 1 + trained_output);
    // An output above it stands for label 1.
    if (version >= 3) writer.Put(wire::MetadataHeader::kOutputThreshold, 0x3f000000);
    if (keeps_state) {
      writer.Put(wire::MetadataHeader::kModelState, 2);
      writer.Put(wire::MetadataHeader::kResetStateInput, 3);
    }
    // s_min 0.5, s_max 1, zeta 0.8, d 0 to 2, threshold 0.5, decay 1
    writer.PutConfig({0, 0x3f000000, 0x3f800000, 0x3f4ccccd, 0, 0x40000000, 0x3f000000, 0x3f800000});
    writer.AddLayer({1, 5, 2, 0, LayerGradOptions::kUpdatesWeights, kFirst});
    writer.AddLayer({2, 4, 3, 1, LayerGradOptions::kUpdatesWeights, kLast});
    writer.AddVariable({1, 10, 6, 1, VariableRole::kKernel});
    writer.AddVariable({2, 11, 8, 2, VariableRole::kKernel});
    writer.AddVariable({3, 12, 1 + kLayers, 0, VariableRole::kState});
    writer.PutLoss(loss, kLossNames[static_cast<int>(loss)], trained_output);
  }

  bool is_reset_ = true;
};

}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_RUNTIME_SCRIPTED_GRAPH_H_
