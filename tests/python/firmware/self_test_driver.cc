// Runs a generated self-test (tinyprop_self_test.cc) on a graph that this file plays: a training step gives the
// expected loss and weight, with the fault that the first argument names. Exits 0 if the self-test passes.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tinyprop_self_test.h"
#include "tinyprop_self_test_data.h"

void MicroPrintf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::printf("\n");
}

namespace {

using tinyprop::ElementType;
using tinyprop::TensorView;

struct Graph {
  tinyprop::TrainingMetadata metadata;
  const char* fault;
  std::vector<std::vector<float>> inputs, outputs;  // every type used here has four bytes
  ElementType label_type;

  bool Fault(const char* name) const { return std::strcmp(fault, name) == 0; }
  float& Weight() {
    return outputs[metadata.first_variable_output() + tinyprop_app::kWeightVariable][tinyprop_app::kWeightElement];
  }
};

bool IsSampleWritten(Graph* graph) {
  return tinyprop_app::ForEachSampleInput([&](int32_t position, const tinyprop_app::SixtyFourth* values, int32_t elements) {
    for (int32_t i = 0; i < elements; ++i) {
      if (graph->inputs[position][i] != static_cast<float>(values[i].count) / 64.0f) return false;
    }
    return true;
  });
}

bool Invoke(void* context) {
  Graph* const graph = static_cast<Graph*>(context);
  const float rate = graph->inputs[graph->metadata.control_input()][0];
  if (rate == 0.0f) return true;
  if (graph->Fault("invoke") || rate != tinyprop_app::kSelfTestLearningRate || !IsSampleWritten(graph)) return false;
  std::vector<float>& statistics = graph->outputs[graph->metadata.statistics_output()];
  statistics[0] = static_cast<float>(graph->Fault("skipped") ? tinyprop::SampleStatus::kSkipped
                                     : graph->Fault("non-finite") ? tinyprop::SampleStatus::kNonFinite
                                                                  : tinyprop::SampleStatus::kTrained);
  graph->outputs[graph->metadata.loss_output()][0] =
      tinyprop_app::kExpectedLoss + (graph->Fault("loss") ? 2.0f : 0.9f) * tinyprop_app::kLossTolerance;
  if (graph->Fault("nan loss")) graph->outputs[graph->metadata.loss_output()][0] = __builtin_nanf("");
  graph->Weight() = graph->Fault("no update") ? tinyprop_app::kExportedWeight
                                              : tinyprop_app::kExpectedWeight +
                                                    (graph->Fault("weight") ? 2.0f : 0.9f) * tinyprop_app::kWeightTolerance;
  return true;
}

bool Reset(void* context) {
  Graph* const graph = static_cast<Graph*>(context);
  if (!graph->Fault("reset")) graph->Weight() = tinyprop_app::kExportedWeight + (graph->Fault("other model") ? 1e-3f : 0.0f);
  return true;
}

TensorView View(std::vector<float>* values, ElementType type) {
  return {values->data(), static_cast<int32_t>(4 * values->size()), type};
}

TensorView Input(void* context, int32_t position) {
  Graph* const graph = static_cast<Graph*>(context);
  return View(&graph->inputs[position], position == graph->metadata.label_input() ? graph->label_type : ElementType::kFloat32);
}

TensorView Output(void* context, int32_t position) {
  return View(&static_cast<Graph*>(context)->outputs[position], ElementType::kFloat32);
}

std::vector<uint8_t> ReadFile(const char* path) {
  std::vector<uint8_t> bytes;
  std::FILE* const file = std::fopen(path, "rb");
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) bytes.push_back(static_cast<uint8_t>(c));
  std::fclose(file);
  return bytes;
}

}  // namespace

// Arguments: fault, file with the model's metadata entry, elements of the model's input, of its output.
int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::vector<uint8_t> entry = ReadFile(argv[2]);
  Graph graph;
  graph.fault = argv[1];
  graph.label_type = ElementType::kInt32;
  if (graph.metadata.Parse({entry.data(), static_cast<int32_t>(entry.size())}) != tinyprop::Status::kOk) return 3;
  const auto zeros = [](int elements) { return std::vector<float>(static_cast<size_t>(elements)); };
  graph.inputs = {zeros(std::atoi(argv[3])), zeros(1), zeros(tinyprop::kControlSize)};
  const int rows = 1 + graph.metadata.layer_count();
  graph.outputs = {zeros(std::atoi(argv[4])), zeros(1), zeros(rows * tinyprop::kStatisticsFields)};
  for (int v = 0; v < graph.metadata.variable_count(); ++v) graph.outputs.push_back(zeros(graph.metadata.VariableElements(v)));
  graph.Weight() = tinyprop_app::kExportedWeight;

  tinyprop::TrainingGraph functions;
  functions.context = &graph;
  functions.invoke = Invoke;
  functions.reset = Reset;
  functions.input = Input;
  functions.output = Output;
  functions.inputs = static_cast<int32_t>(graph.inputs.size());
  functions.outputs = static_cast<int32_t>(graph.outputs.size());
  tinyprop::Trainer trainer;
  if (trainer.Init(functions, {entry.data(), static_cast<int32_t>(entry.size())}) != tinyprop::Status::kOk) return 4;
  return tinyprop_app::RunSelfTest(&trainer) ? 0 : 1;
}
