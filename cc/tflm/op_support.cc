#include "cc/tflm/op_support.h"

namespace tinyprop {
namespace {

// False if a dimension is not positive, or if the elements' bytes do not fit into an int32: then size()
// does not hold, however TFLM counts.
bool HasElements(const api::Tensor& tensor) {
  int32_t most = INT32_MAX / static_cast<int32_t>(sizeof(float));
  for (int i = 0; i < tensor.rank; ++i) most = tensor.dims[i] < 1 ? 0 : most / tensor.dims[i];
  return most > 0;
}

}  // namespace

bool CheckOptions(const char* op, OptionsError error) {
  switch (error) {
    case OptionsError::kNone:
      return true;
    case OptionsError::kDamaged:
      TINYPROP_LOG("%s: custom options are damaged; convert the model again.", op);
      return false;
    case OptionsError::kNewerVersion:
      TINYPROP_LOG("%s: custom options are newer than version %d; update tflm_tinyprop.", op,
                   static_cast<int>(kOptionsVersion));
      return false;
    case OptionsError::kUnknownValue:
      TINYPROP_LOG("%s: custom options hold an unknown value; convert the model again.", op);
      return false;
  }
  return false;
}

void TensorChecker::Fail(const char* role, const char* what) {
  ok_ = false;
  TINYPROP_LOG("%s: %s %s", op_, role, what);
  // With stripped error strings nothing reads them.
  (void)role;
  (void)what;
}

void TensorChecker::Counts(int inputs, int outputs) {
  Require(api::InputCount(node_) == inputs, "has a wrong number of inputs");
  Require(api::OutputCount(node_) == outputs, "has a wrong number of outputs");
}

api::Tensor TensorChecker::Check(const api::Tensor& tensor, const char* role, api::Type type) {
  if (!ok_) return tensor;
  if (!tensor.exists) {
    Fail(role, "is missing");
  } else if (tensor.type != type) {
    Fail(role, type == api::Type::kFloat32 ? "must be float32" : "must be int32");
  } else if (!HasElements(tensor)) {
    Fail(role, "is empty or too large");
  }
  return tensor;
}

api::Tensor TensorChecker::Input(int position, const char* role, api::Type type) {
  return Check(api::Input(context_, node_, position), role, type);
}

api::Tensor TensorChecker::Output(int position, const char* role, api::Type type) {
  return Check(api::Output(context_, node_, position), role, type);
}

api::Tensor TensorChecker::MutableInput(int position, const char* role, api::Type type) {
  const api::Tensor tensor = Input(position, role, type);
  // Only constants have their data before memory is planned.
  if (ok_ && tensor.data != nullptr) Fail(role, "is a constant, but is changed in place");
  return tensor;
}

api::Tensor TensorChecker::OptionalInput(int position, const char* role, api::Type type) {
  const api::Tensor tensor = api::Input(context_, node_, position);
  return tensor.exists ? Check(tensor, role, type) : tensor;
}

void TensorChecker::Size(const char* role, const api::Tensor& tensor, int32_t expected) {
  if (ok_ && tensor.size() != expected) Fail(role, "has a wrong size");
}

void TensorChecker::Require(bool condition, const char* message) {
  if (ok_ && !condition) Fail("the op", message);
}

}  // namespace tinyprop
