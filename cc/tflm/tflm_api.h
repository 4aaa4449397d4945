// The one place that knows how to reach TFLM.
//
// Firmware compiles against TFLM's own headers. The host plugin defines TINYPROP_HOST_PLUGIN and gets
// the wheel's binary interface instead. The ops see the same few names either way: Tensor, Context,
// Node, Registration and the functions below. TFLM moved its C types into namespace tflite::micro in
// October 2026; the using-directives find them in either place.
#ifndef TINYPROP_CC_TFLM_TFLM_API_H_
#define TINYPROP_CC_TFLM_TFLM_API_H_

#include <cstddef>
#include <cstdint>

#include "cc/core/span.h"

#if defined(TINYPROP_HOST_PLUGIN)
#include "cc/tflm/host_abi.h"
#else
#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_common.h"
#include "tensorflow/lite/micro/micro_context.h"
#include "tensorflow/lite/micro/micro_log.h"
#endif

namespace tflite {
namespace micro {}
}  // namespace tflite

namespace tinyprop {
namespace api {

#if defined(TINYPROP_HOST_PLUGIN)
using namespace host_abi;  // NOLINT
#else
using namespace ::tflite;         // NOLINT
using namespace ::tflite::micro;  // NOLINT
#endif

using Status = TfLiteStatus;
using Context = TfLiteContext;
using Node = TfLiteNode;
using Registration = TFLMRegistration;

constexpr Status kOk = kTfLiteOk;
constexpr Status kError = kTfLiteError;

enum class Type { kFloat32, kInt32, kOther };

// TFLM's codes for the types of tensors.
constexpr int kFloat32Code = kTfLiteFloat32;
constexpr int kInt32Code = kTfLiteInt32;
constexpr int kUint8Code = kTfLiteUInt8;
constexpr int kInt16Code = kTfLiteInt16;
constexpr int kInt8Code = kTfLiteInt8;

// A tensor of the running interpreter. `data` is null before memory is planned (in Prepare), except
// for constants; a tensor that an op leaves out (index -1) has exists == false.
struct Tensor {
  bool exists = false;
  void* data = nullptr;
  const int* dims = nullptr;
  int rank = 0;
  Type type = Type::kOther;

  int32_t size() const {
    int32_t product = 1;
    for (int i = 0; i < rank; ++i) product *= dims[i];
    return product;
  }
  Span<float> floats() const { return {static_cast<float*>(data), exists ? size() : 0}; }
  Span<int32_t> ints() const { return {static_cast<int32_t*>(data), exists ? size() : 0}; }
};

inline int InputCount(const Node* node) { return node->inputs == nullptr ? 0 : node->inputs->size; }
inline int OutputCount(const Node* node) {
  return node->outputs == nullptr ? 0 : node->outputs->size;
}

namespace internal {
inline Tensor TensorAt(Context* context, const TfLiteIntArray* indices, int position) {
  Tensor tensor;
  if (indices == nullptr || position >= indices->size || indices->data[position] < 0) return tensor;
  const TfLiteEvalTensor* eval = GetMicroContext(context)->GetEvalTensor(indices->data[position]);
  if (eval == nullptr) return tensor;
  tensor.exists = true;
  tensor.data = eval->data.data;
  tensor.dims = eval->dims->data;
  tensor.rank = eval->dims->size;
  tensor.type = eval->type == kTfLiteFloat32 ? Type::kFloat32
                : eval->type == kTfLiteInt32 ? Type::kInt32
                                             : Type::kOther;
  return tensor;
}
}  // namespace internal

inline Tensor Input(Context* context, const Node* node, int position) {
  return internal::TensorAt(context, node->inputs, position);
}
inline Tensor Output(Context* context, const Node* node, int position) {
  return internal::TensorAt(context, node->outputs, position);
}

// Arena memory that lives as long as the interpreter; null if the arena is full. Init only.
inline void* AllocatePersistent(Context* context, size_t bytes) {
  return GetMicroContext(context)->AllocatePersistentBuffer(bytes);
}

}  // namespace api
}  // namespace tinyprop

// Reports an error; TFLM's own macro, so that TF_LITE_STRIP_ERROR_STRINGS removes the texts.
#if defined(TINYPROP_HOST_PLUGIN)
#define TINYPROP_LOG(...) ::tinyprop::host_abi::MicroPrintf(__VA_ARGS__)
#else
#define TINYPROP_LOG(...)              \
  do {                                 \
    using namespace ::tflite;          \
    using namespace ::tflite::micro;   \
    MicroPrintf(__VA_ARGS__);          \
  } while (false)
#endif

#endif  // TINYPROP_CC_TFLM_TFLM_API_H_
