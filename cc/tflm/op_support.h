// What every op does the same way: keep its parsed options, and check its tensors in Prepare.
#ifndef TINYPROP_CC_TFLM_OP_SUPPORT_H_
#define TINYPROP_CC_TFLM_OP_SUPPORT_H_

#include <new>

#include "cc/tflm/op_options.h"
#include "cc/tflm/tflm_api.h"

namespace tinyprop {

// An op's persistent data. Init cannot fail in TFLM, so a parse error is kept for Prepare to report.
template <typename Options>
struct OpData {
  Options options;
  OptionsError error = OptionsError::kNone;
  bool needs_initialization = true;  // TinyPropInitialize: set by TFLM's Reset
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

// The checks an op makes in Prepare. Each reports the first fault, with the op's name and the tensor's
// role, and turns ok() false; later checks then do nothing.
class TensorChecker {
 public:
  TensorChecker(const char* op, api::Context* context, const api::Node* node)
      : op_(op), context_(context), node_(node) {}

  bool ok() const { return ok_; }
  api::Status status() const { return ok_ ? api::kOk : api::kError; }

  void Counts(int inputs, int outputs);
  // The tensor at that position, checked for existence and type.
  api::Tensor Input(int position, const char* role, api::Type type);
  api::Tensor Output(int position, const char* role, api::Type type);
  // The same for a tensor that the op changes in place: a constant, which lies in flash, is refused.
  api::Tensor MutableInput(int position, const char* role, api::Type type);
  // As Input, but a missing tensor is fine.
  api::Tensor OptionalInput(int position, const char* role, api::Type type);
  void Size(const char* role, const api::Tensor& tensor, int32_t expected);
  void Require(bool condition, const char* message);

 private:
  api::Tensor Check(const api::Tensor& tensor, const char* role, api::Type type);
  void Fail(const char* role, const char* what);

  const char* op_;
  api::Context* context_;
  const api::Node* node_;
  bool ok_ = true;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_OP_SUPPORT_H_
