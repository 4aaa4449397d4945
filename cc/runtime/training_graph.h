// What a Trainer drives: a TFLM interpreter with a trainable model, or anything with the same inputs and
// outputs. A struct of functions instead of a base class, so that the runtime needs neither TFLM nor vtables.
#ifndef TINYPROP_CC_RUNTIME_TRAINING_GRAPH_H_
#define TINYPROP_CC_RUNTIME_TRAINING_GRAPH_H_

#include <cstdint>

#include "cc/core/span.h"

namespace tinyprop {

enum class ElementType : uint8_t { kOther, kFloat32, kInt32, kInt8, kUint8, kInt16 };

// A tensor, or one sample's part of it. Null data: there is no such tensor.
struct TensorView {
  void* data = nullptr;
  int32_t bytes = 0;
  ElementType type = ElementType::kOther;

  // The elements; empty if the tensor is of another type.
  Span<float> floats() const { return Elements<float>(ElementType::kFloat32); }
  Span<int32_t> ints() const { return Elements<int32_t>(ElementType::kInt32); }
  Span<int8_t> int8s() const { return Elements<int8_t>(ElementType::kInt8); }

 private:
  template <typename T>
  Span<T> Elements(ElementType wanted) const {
    if (type != wanted || data == nullptr) return {};
    return {static_cast<T*>(data), bytes / static_cast<int32_t>(sizeof(T))};
  }
};

// Positions count within the graph's inputs and outputs (SPEC.md, "The graph"). The data of a tensor may not
// move between two calls of the Trainer.
struct TrainingGraph {
  void* context = nullptr;  // passed to every function
  bool (*invoke)(void* context) = nullptr;
  bool (*reset)(void* context) = nullptr;  // the next invoke starts from the exported weights
  TensorView (*input)(void* context, int32_t position) = nullptr;
  TensorView (*output)(void* context, int32_t position) = nullptr;
  int32_t inputs = 0;
  int32_t outputs = 0;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_TRAINING_GRAPH_H_
