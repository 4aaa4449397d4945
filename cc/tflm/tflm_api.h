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

// Ops look at many tensors, and flash is scarcer than the time of a call.
#if defined(__GNUC__)
#define TINYPROP_NOINLINE __attribute__((noinline))
#else
#define TINYPROP_NOINLINE
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

// A tensor of the running interpreter, or none if the op leaves it out (index -1). No larger than
// a pointer.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(const TfLiteEvalTensor* eval) : eval_(eval) {}

  bool exists() const { return eval_ != nullptr; }
  // Null before memory is planned (in Prepare), except for constants, and without a tensor.
  TINYPROP_NOINLINE void* data() const { return exists() ? eval_->data.data : nullptr; }
  // Of a tensor that exists.
  const int* dims() const { return eval_->dims->data; }
  int rank() const { return eval_->dims->size; }
  Type type() const {
    return eval_->type == kTfLiteFloat32 ? Type::kFloat32
           : eval_->type == kTfLiteInt32 ? Type::kInt32
                                         : Type::kOther;
  }
  // Elements; 0 without a tensor. Wraps around where TensorChecker::Check refuses the tensor.
  int32_t size() const;
  // Bytes of an element; 0 of a type that no op takes.
  int element_bytes() const {
    switch (eval_->type) {
      case kTfLiteFloat32:
      case kTfLiteInt32:
        return 4;
      case kTfLiteInt16:
        return 2;
      case kTfLiteInt8:
      case kTfLiteUInt8:
      case kTfLiteBool:
        return 1;
      default:
        return 0;
    }
  }
  Span<float> floats() const { return {static_cast<float*>(data()), size()}; }
  float* float_data() const { return static_cast<float*>(data()); }
  Span<int32_t> ints() const { return {static_cast<int32_t*>(data()), size()}; }

 private:
  const TfLiteEvalTensor* eval_ = nullptr;
};

inline int InputCount(const Node* node) { return node->inputs == nullptr ? 0 : node->inputs->size; }
inline int OutputCount(const Node* node) {
  return node->outputs == nullptr ? 0 : node->outputs->size;
}

namespace internal {
TINYPROP_NOINLINE inline Tensor TensorAt(Context* context, const TfLiteIntArray* indices, int position) {
  if (indices == nullptr || position >= indices->size || indices->data[position] < 0) return Tensor();
  return Tensor(GetMicroContext(context)->GetEvalTensor(indices->data[position]));
}
}  // namespace internal

TINYPROP_NOINLINE inline Tensor Input(Context* context, const Node* node, int position) {
  return internal::TensorAt(context, node->inputs, position);
}
TINYPROP_NOINLINE inline Tensor Output(Context* context, const Node* node, int position) {
  return internal::TensorAt(context, node->outputs, position);
}

// Arena memory that lives as long as the interpreter; null if the arena is full. Init only.
inline void* AllocatePersistent(Context* context, size_t bytes) {
  return GetMicroContext(context)->AllocatePersistentBuffer(bytes);
}

// Arena memory for the time of the op's Invoke, in which TFLM keeps other things before and after. Prepare only; false if
// the arena is full.
inline bool RequestScratch(Context* context, size_t bytes, int* index) {
  return GetMicroContext(context)->RequestScratchBufferInArena(bytes, index) == kOk;
}
// What was requested, in Invoke. Holds anything.
inline void* Scratch(Context* context, int index) { return GetMicroContext(context)->GetScratchBuffer(index); }

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
