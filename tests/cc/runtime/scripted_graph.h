// A TrainingGraph whose invoke does what a test says, with a valid metadata entry: for tests of the Trainer alone.
#ifndef TINYPROP_TESTS_CC_RUNTIME_SCRIPTED_GRAPH_H_
#define TINYPROP_TESTS_CC_RUNTIME_SCRIPTED_GRAPH_H_

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "cc/core/sample_status.h"
#include "cc/core/statistics.h"
#include "cc/runtime/crc32.h"
#include "cc/runtime/training_graph.h"
#include "cc/runtime/training_metadata.h"

namespace tinyprop {

// One input of 3 elements and one output of 4 a sample; two layers, the first with a kernel of 6 elements, the second
// with a kernel of 8; forward 100 multiply-accumulates, backward 5 * (2 + 0) + 4 * (3 + 1) = 26.
class ScriptedGraph {
 public:
  static constexpr int32_t kInputs = 3, kOutputs = 4, kLayers = 2, kVariables = 3;
  static constexpr uint64_t kForwardMacs = 100, kBackwardMacs = 26;

  explicit ScriptedGraph(int32_t batch = 1, LossKind loss = LossKind::kSparseCategoricalCrossentropy)
      : batch(batch),
        is_sparse(loss == LossKind::kSparseCategoricalCrossentropy),
        x(batch * kInputs),
        classes(batch),
        targets(batch * kOutputs),
        control(kControlSize),
        y(batch * kOutputs),
        loss_value(batch),
        statistics((1 + kLayers) * batch * kStatisticsFields),
        variables{std::vector<float>(6, 1.0f), std::vector<float>(8, 2.0f), std::vector<float>(1 + kLayers)} {
    inputs = {View(x), is_sparse ? View(classes) : View(targets), View(control)};
    outputs = {View(y), View(loss_value), View(statistics), View(variables[0]), View(variables[1]), View(variables[2])};
    WriteMetadata(loss);
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
    rows.at(0, sample)[0] = static_cast<float>(status);
    rows.at(0, sample)[1] = decision;
    rows.at(1, sample)[3] = macs_1;
    rows.at(2, sample)[3] = macs_2;
    loss_value[static_cast<size_t>(sample)] = loss;
  }

  int32_t batch;
  bool is_sparse;
  std::vector<float> x;
  std::vector<int32_t> classes;
  std::vector<float> targets;
  std::vector<float> control;
  std::vector<float> y;
  std::vector<float> loss_value;
  std::vector<float> statistics;
  std::vector<float> variables[kVariables];
  std::vector<TensorView> inputs, outputs;
  std::vector<uint8_t> entry;
  std::function<bool()> on_invoke = [] { return true; };
  std::vector<float> rates;  // of all invokes
  int resets = 0;

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

  bool Invoke() {
    rates.push_back(control[0]);
    std::fill(statistics.begin(), statistics.end(), 0.0f);
    for (int32_t b = 0; b < batch; ++b) Report(b, SampleStatus::kInference, 0, 0, 0, 0);
    return on_invoke();
  }
  bool Reset() {
    ++resets;
    return true;
  }

  void Append(uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) entry.push_back(static_cast<uint8_t>(value >> 8 * i));
  }
  void AppendFloat(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    Append(bits, 4);
  }

  // SPEC.md, "Metadata entry TINYPROP".
  void WriteMetadata(LossKind loss) {
    const std::string names = std::string("hidden") + '\0' + "logits" + '\0';
    const uint32_t size = 84 + 2 * 24 + 3 * 16 + static_cast<uint32_t>(names.size());
    for (const char c : {'T', 'P', 'R', 'P'}) entry.push_back(static_cast<uint8_t>(c));
    Append(1, 2), Append(84, 2), Append(size, 4), Append(0, 4);  // the fingerprint follows at the end
    Append(static_cast<uint32_t>(batch), 2), Append(static_cast<uint32_t>(loss), 2);
    for (const uint32_t field : {2, 3, 1, 1, 1, 2, 1, 2, 3, 0}) Append(field, 2);
    Append(10, 4), Append(kForwardMacs, 4), Append(0, 4);
    for (const float field : {0.0f, 0.5f, 1.0f, 0.8f, 0.0f, 2.0f, 0.5f, 1.0f}) AppendFloat(field);
    for (const uint32_t field : {1u, 5u, 2u, 0u, 0u}) Append(field, 4);
    Append(2, 2), Append(0, 2);
    for (const uint32_t field : {2u, 4u, 3u, 1u, 7u}) Append(field, 4);
    Append(2, 2), Append(0, 2);
    const uint32_t variable_fields[3][5] = {{1, 10, 6, 1, 0}, {2, 11, 8, 2, 0}, {3, 12, 3, 0, 2}};
    uint32_t crc = 0;
    for (const auto& fields : variable_fields) {
      for (int i = 0; i < 3; ++i) Append(fields[i], 4);
      Append(fields[3], 2), Append(fields[4], 2);
      crc = Crc32(crc, &entry[entry.size() - 4], 4);
      crc = Crc32(crc, &entry[entry.size() - 8], 4);
    }
    for (const char c : names) entry.push_back(static_cast<uint8_t>(c));
    const std::string loss_name[] = {"sparse_categorical_crossentropy", "categorical_crossentropy", "mean_squared_error"};
    const std::string& name = loss_name[static_cast<int>(loss)];
    crc = Crc32(crc, name.data(), static_cast<uint32_t>(name.size()));
    for (int i = 0; i < 4; ++i) entry[static_cast<size_t>(12 + i)] = static_cast<uint8_t>(crc >> 8 * i);
  }
};

}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_RUNTIME_SCRIPTED_GRAPH_H_
