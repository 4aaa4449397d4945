// A TFLM interpreter as a TrainingGraph. Templates, so that they fit the types of TFLM before and after its move to
// namespace tflite::micro, and so that tests can put anything with the same members in their place.
#ifndef TINYPROP_CC_RUNTIME_INTERPRETER_GRAPH_H_
#define TINYPROP_CC_RUNTIME_INTERPRETER_GRAPH_H_

#include <cstdint>
#include <cstring>

#include "cc/core/span.h"
#include "cc/runtime/training_graph.h"
#include "cc/tflm/tflm_api.h"

namespace tinyprop {
namespace internal {

inline ElementType ElementTypeOf(int code) {
  switch (code) {
    case api::kFloat32Code:
      return ElementType::kFloat32;
    case api::kInt32Code:
      return ElementType::kInt32;
    case api::kInt8Code:
      return ElementType::kInt8;
    case api::kUint8Code:
      return ElementType::kUint8;
    case api::kInt16Code:
      return ElementType::kInt16;
    default:
      return ElementType::kOther;
  }
}

template <typename TfLiteTensorPointer>
TensorView ViewOf(TfLiteTensorPointer tensor) {
  TensorView view;
  if (tensor == nullptr) return view;
  view.data = tensor->data.data;
  view.bytes = static_cast<int32_t>(tensor->bytes);
  view.type = ElementTypeOf(static_cast<int>(tensor->type));
  return view;
}

}  // namespace internal

// interpreter: tflite::MicroInterpreter, after AllocateTensors; it must outlive the graph.
template <typename Interpreter>
TrainingGraph GraphOf(Interpreter& interpreter) {
  TrainingGraph graph;
  graph.context = &interpreter;
  graph.invoke = [](void* context) {
    return static_cast<int>(static_cast<Interpreter*>(context)->Invoke()) == static_cast<int>(api::kOk);
  };
  graph.reset = [](void* context) {
    return static_cast<int>(static_cast<Interpreter*>(context)->Reset()) == static_cast<int>(api::kOk);
  };
  graph.input = [](void* context, int32_t position) {
    return internal::ViewOf(static_cast<Interpreter*>(context)->input(static_cast<size_t>(position)));
  };
  graph.output = [](void* context, int32_t position) {
    return internal::ViewOf(static_cast<Interpreter*>(context)->output(static_cast<size_t>(position)));
  };
  graph.inputs = static_cast<int32_t>(interpreter.inputs_size());
  graph.outputs = static_cast<int32_t>(interpreter.outputs_size());
  return graph;
}

// Content of the model's metadata entry TINYPROP, where it lies; empty if there is none.
// model: tflite::Model, as tflite::GetModel returns it.
template <typename Model>
Span<const uint8_t> TrainingMetadataOf(const Model& model) {
  const auto* const entries = model.metadata();
  const auto* const buffers = model.buffers();
  if (entries == nullptr || buffers == nullptr) return {};
  for (uint32_t i = 0; i < entries->size(); ++i) {
    const auto* const entry = entries->Get(i);
    if (entry->name() == nullptr || std::strcmp(entry->name()->c_str(), "TINYPROP") != 0) continue;
    if (entry->buffer() >= buffers->size()) return {};
    const auto* const data = buffers->Get(entry->buffer())->data();
    if (data == nullptr) return {};
    return {data->data(), static_cast<int32_t>(data->size())};
  }
  return {};
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_INTERPRETER_GRAPH_H_
