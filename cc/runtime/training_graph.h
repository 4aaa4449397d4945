// What a Trainer drives: a TFLM interpreter with a trainable model, or anything with the same inputs and
// outputs. A struct of functions instead of a base class, so that the runtime needs neither TFLM nor vtables.
#ifndef TINYPROP_CC_RUNTIME_TRAINING_GRAPH_H_
#define TINYPROP_CC_RUNTIME_TRAINING_GRAPH_H_

#include <cstdint>

#include "cc/core/span.h"

namespace tinyprop {

enum class ElementType : uint8_t { kOther, kFloat32, kInt32, kInt8, kUint8, kInt16 };

// The type of a tensor whose elements are T in C++.
template <typename T>
inline constexpr ElementType kElementTypeOf = ElementType::kOther;
template <>
inline constexpr ElementType kElementTypeOf<float> = ElementType::kFloat32;
template <>
inline constexpr ElementType kElementTypeOf<int32_t> = ElementType::kInt32;
template <>
inline constexpr ElementType kElementTypeOf<int8_t> = ElementType::kInt8;
template <>
inline constexpr ElementType kElementTypeOf<uint8_t> = ElementType::kUint8;
template <>
inline constexpr ElementType kElementTypeOf<int16_t> = ElementType::kInt16;

// A tensor, or one sample's part of it. Null data: there is no such tensor.
struct TensorView {
  void* data = nullptr;
  int32_t bytes = 0;
  ElementType type = ElementType::kOther;

  // The elements; empty if the tensor is of another type.
  template <typename T>
  Span<T> elements() const {
    static_assert(kElementTypeOf<T> != ElementType::kOther, "no tensor has elements of this type");
    if (type != kElementTypeOf<T> || data == nullptr) return {};
    return {static_cast<T*>(data), bytes / static_cast<int32_t>(sizeof(T))};
  }
  Span<float> floats() const { return elements<float>(); }
  Span<int32_t> ints() const { return elements<int32_t>(); }
  Span<int8_t> int8s() const { return elements<int8_t>(); }
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
