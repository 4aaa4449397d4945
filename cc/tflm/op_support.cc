#include "cc/tflm/op_support.h"

namespace tinyprop {

// Here rather than in the header: the linker would keep a copy of every file that calls it.
int32_t api::Tensor::size() const {
  if (!exists()) return 0;
  uint32_t product = 1;
  for (int i = 0; i < rank(); ++i) product *= static_cast<uint32_t>(dims()[i]);
  return static_cast<int32_t>(product);
}

#if !defined(TINYPROP_STRIP_CHECKS)
namespace {

// False if a dimension is not positive, or if the elements' bytes do not fit into an int32: then size()
// does not hold, however TFLM counts.
bool HasElements(api::Tensor tensor) {
  int32_t most = INT32_MAX / static_cast<int32_t>(sizeof(float));
  for (int i = 0; i < tensor.rank(); ++i) most = tensor.dims()[i] < 1 ? 0 : most / tensor.dims()[i];
  return most > 0;
}

}  // namespace
#endif

// With stripped error strings nothing reads op.
bool CheckOptions([[maybe_unused]] const char* op, OptionsError error) {
  switch (error) {
    case OptionsError::kNone:
      return true;
    case OptionsError::kDamaged:
      TINYPROP_LOG("%s: custom options are damaged; convert the model again.", op);
      return false;
    case OptionsError::kNewerVersion:
      TINYPROP_LOG("%s: custom options are of a newer version; update tflm_tinyprop.", op);
      return false;
    case OptionsError::kUnknownValue:
      TINYPROP_LOG("%s: custom options hold an unknown value; convert the model again.", op);
      return false;
  }
  return false;
}

namespace {

int InputsAmong(const TensorSpec* specs, int count) {
  int inputs = 0;
  while (inputs < count && (specs[inputs].flags & TensorSpec::kOutput) == 0) ++inputs;
  return inputs;
}

}  // namespace

void TensorsOf(api::Context* context, const api::Node* node, const TensorSpec* specs, int count, api::Tensor* tensors) {
  const int inputs = InputsAmong(specs, count);
  for (int i = 0; i < count; ++i) {
    tensors[i] = i < inputs ? api::Input(context, node, i) : api::Output(context, node, i - inputs);
  }
}

#if !defined(TINYPROP_STRIP_CHECKS)
// With stripped error strings nothing reads the texts.
void TensorChecker::Fail([[maybe_unused]] const char* role, [[maybe_unused]] const char* what) {
  ok_ = false;
  TINYPROP_LOG("%s: %s %s", op_, role, what);
}

void TensorChecker::Take(api::Context* context, const api::Node* node, const TensorSpec* specs, int count,
                         api::Tensor* tensors) {
  const int inputs = InputsAmong(specs, count);
  const int outputs = api::OutputCount(node);
  const bool may_lack_output = count > inputs && (specs[count - 1].flags & TensorSpec::kOptional) != 0;
  Require(api::InputCount(node) == inputs, "has a wrong number of inputs");
  Require(outputs == count - inputs || (may_lack_output && outputs == count - inputs - 1),
          "has a wrong number of outputs");
  TensorsOf(context, node, specs, count, tensors);
  for (int i = 0; i < count; ++i) Check(specs[i], tensors[i]);
}

void TensorChecker::Check(const TensorSpec& spec, api::Tensor tensor) {
  const bool is_int = (spec.flags & TensorSpec::kInt) != 0;
  const bool any_type = (spec.flags & TensorSpec::kAnyType) != 0;
  const char* fault = nullptr;
  if (!tensor.exists()) {
    if ((spec.flags & TensorSpec::kOptional) == 0) fault = "is missing";
  } else if (!any_type && tensor.type() != (is_int ? api::Type::kInt32 : api::Type::kFloat32)) {
    fault = is_int ? "must be int32" : "must be float32";
  } else if (!HasElements(tensor)) {
    fault = "is empty or too large";
  } else if ((spec.flags & TensorSpec::kMutable) != 0 && tensor.data() != nullptr) {
    // Only constants have their data before memory is planned.
    fault = "is a constant, but is changed in place";
  }
  if (ok_ && fault != nullptr) Fail(spec.role, fault);
}

void TensorChecker::Size(const TensorSpec& spec, api::Tensor tensor, int32_t expected) {
  if (ok_ && tensor.exists() && tensor.size() != expected) Fail(spec.role, "has a wrong size");
}

void TensorChecker::Require(bool condition, const char* message) {
  if (ok_ && !condition) Fail("the op", message);
}

#endif

}  // namespace tinyprop
