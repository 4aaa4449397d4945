// What every op does the same way: keep its parsed options, and check its tensors in Prepare.
#ifndef TINYPROP_CC_TFLM_OP_SUPPORT_H_
#define TINYPROP_CC_TFLM_OP_SUPPORT_H_

#include <new>

#include "cc/tflm/op_options.h"
#include "cc/tflm/tflm_api.h"

namespace tinyprop {

// An op's persistent data. Init cannot fail in TFLM, so a parse error is kept for Prepare to report.
struct OpState {
  OptionsError error = OptionsError::kNone;
  bool needs_initialization = true;  // TinyPropInitialize: set by TFLM's Reset
};

template <typename Options>
struct OpData : OpState {
  Options options;
};

template <typename Options>
void* InitOp(api::Context* context, const char* buffer, size_t length) {
  void* memory = api::AllocatePersistent(context, sizeof(OpData<Options>));
  if (memory == nullptr) return nullptr;
  auto* data = new (memory) OpData<Options>();
  data->error = Parse(buffer, length, &data->options);
  return data;
}

template <typename Options>
OpData<Options>* DataOf(const api::Node* node) {
  return static_cast<OpData<Options>*>(node->user_data);
}

// True if the options are usable; otherwise says what is wrong with them.
bool CheckOptions(const char* op, OptionsError error);

// What an op expects of a tensor. An op lists its inputs in their order, then its outputs.
struct TensorSpec {
  enum Flag : uint8_t {
    kFloat = 0,
    kInt = 1,        // int32 instead of float32
    kMutable = 2,    // changed in place: a constant, which lies in flash, is refused
    kOptional = 4,   // an input that may be left out (index -1), or an output that may not be there
    kOutput = 8,
    kAnyType = 16,   // its type is not looked at
  };
  const char* role;  // for messages
  uint8_t flags;
};

// a b c, or -1, which is the size of no tensor, if that is more than an int32 holds. Not negative.
inline int32_t SizeProduct(int32_t a, int32_t b, int32_t c = 1) {
  const int64_t product = int64_t{a} * b;
  if (product > INT32_MAX || product * c > INT32_MAX) return -1;
  return static_cast<int32_t>(product * c);
}

// The tensors of a node, without any check. Tables instead of a call a tensor: an op's code is smaller.
void TensorsOf(api::Context* context, const api::Node* node, const TensorSpec* specs, int count, api::Tensor* tensors);

template <int kCount>
void TensorsOf(api::Context* context, const api::Node* node, const TensorSpec (&specs)[kCount],
               api::Tensor (&tensors)[kCount]) {
  TensorsOf(context, node, specs, kCount, tensors);
}

#if !defined(TINYPROP_STRIP_CHECKS)
// The checks an op makes in Prepare. Each reports the first fault, with the op's name and the tensor's
// role, and turns ok() false; later checks then do nothing.
class TensorChecker {
 public:
  explicit TensorChecker(const char* op) : op_(op) {}

  bool ok() const { return ok_; }
  api::Status status() const { return ok_ ? api::kOk : api::kError; }

  // Fills `tensors` and checks their number, existence and types.
  void Take(api::Context* context, const api::Node* node, const TensorSpec* specs, int count, api::Tensor* tensors);
  template <int kCount>
  void Take(api::Context* context, const api::Node* node, const TensorSpec (&specs)[kCount],
            api::Tensor (&tensors)[kCount]) {
    Take(context, node, specs, kCount, tensors);
  }
  // Existence and type of a tensor.
  void Check(const TensorSpec& spec, api::Tensor tensor);
  // The number of elements, unless the tensor is left out.
  void Size(const TensorSpec& spec, api::Tensor tensor, int32_t expected);
  void Require(bool condition, const char* message);

 private:
  void Fail(const char* role, const char* what);

  const char* op_;
  bool ok_ = true;
};
#else
// For firmware whose flash is scarce and whose model has passed the checks on the host: none are made.
class TensorChecker {
 public:
  explicit TensorChecker(const char*) {}
  constexpr bool ok() const { return false; }
  constexpr api::Status status() const { return api::kOk; }
  template <int kCount>
  void Take(api::Context*, const api::Node*, const TensorSpec (&)[kCount], api::Tensor (&)[kCount]) {}
  void Check(const TensorSpec&, api::Tensor) {}
  void Size(const TensorSpec&, api::Tensor, int32_t) {}
  void Require(bool, const char*) {}
};
#endif

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_OP_SUPPORT_H_
