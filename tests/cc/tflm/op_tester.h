// Runs one op through Init, Prepare and Invoke without an interpreter: a context that hands out exactly
// sized tensors, through the wheel's binary interface (cc/tflm/host_abi.h).
#ifndef TINYPROP_TESTS_CC_TFLM_OP_TESTER_H_
#define TINYPROP_TESTS_CC_TFLM_OP_TESTER_H_

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "cc/tflm/op_options.h"
#include "cc/tflm/tflm_api.h"

namespace tinyprop {
namespace testing {

// The bytes of custom options, field by field; the header is put in front at the end.
class OptionBytes {
 public:
  OptionBytes& U8(uint8_t value) { return Append(&value, sizeof value); }
  OptionBytes& U16(std::vector<uint16_t> values) {
    return Append(values.data(), values.size() * sizeof(uint16_t));
  }
  OptionBytes& F32(float value) { return Append(&value, sizeof value); }

  std::string WithHeader() const {
    const uint16_t header[2] = {1, static_cast<uint16_t>(4 + body_.size())};
    return std::string(reinterpret_cast<const char*>(header), sizeof header) + body_;
  }

 private:
  OptionBytes& Append(const void* data, size_t size) {
    body_.append(static_cast<const char*>(data), size);
    return *this;
  }

  std::string body_;
};

class OpTester {
 public:
  OpTester(const api::Registration& op, std::string options)
      : op_(op), options_(std::move(options)) {
    vtable_[kAllocateSlot] = reinterpret_cast<void*>(&Allocate);
    vtable_[kGetTensorSlot] = reinterpret_cast<void*>(&GetTensor);
    fake_ = {vtable_, this};
    context_.words[0] = &fake_;
  }
  OpTester(const OpTester&) = delete;
  OpTester& operator=(const OpTester&) = delete;

  // Adds a tensor; `values` may be shorter than the dimensions say for a Prepare that must fail.
  OpTester& Input(std::vector<int> dims, std::vector<float>* values) {
    return Add(std::move(dims), values->data(), host_abi::kTfLiteFloat32, &inputs_);
  }
  OpTester& Input(std::vector<int> dims, std::vector<int32_t>* values) {
    return Add(std::move(dims), values->data(), host_abi::kTfLiteInt32, &inputs_);
  }
  OpTester& Output(std::vector<int> dims, std::vector<float>* values) {
    return Add(std::move(dims), values->data(), host_abi::kTfLiteFloat32, &outputs_);
  }
  // An input that the op leaves out.
  OpTester& NoInput() {
    inputs_.push_back(-1);
    return *this;
  }

  api::Status Prepare() {
    input_array_ = IntArray(inputs_);
    output_array_ = IntArray(outputs_);
    node_.inputs = AsIntArray(&input_array_);
    node_.outputs = AsIntArray(&output_array_);
    node_.user_data = op_.init(&context_, options_.data(), options_.size());
    planned_ = false;
    return op_.prepare(&context_, &node_);
  }

  api::Status Invoke() {
    planned_ = true;
    return op_.invoke(&context_, &node_);
  }

 private:
  static constexpr int kAllocateSlot = 2;
  static constexpr int kGetTensorSlot = 9;

  struct FakeMicroContext {
    void* const* vtable;
    OpTester* tester;
  };
  struct FakeTensor {
    std::vector<int> dims;
    void* data;
    host_abi::TfLiteType type;
    host_abi::TfLiteEvalTensor eval;
  };

  static std::vector<int> IntArray(std::vector<int> values) {
    values.insert(values.begin(), static_cast<int>(values.size()));
    return values;
  }
  static host_abi::TfLiteIntArray* AsIntArray(std::vector<int>* values) {
    return reinterpret_cast<host_abi::TfLiteIntArray*>(values->data());
  }

  static void* Allocate(FakeMicroContext* context, size_t bytes) {
    context->tester->persistent_.push_back(std::make_unique<char[]>(bytes));
    return context->tester->persistent_.back().get();
  }

  // As in TFLM, a tensor has no memory before Prepare is over.
  static host_abi::TfLiteEvalTensor* GetTensor(FakeMicroContext* context, int index) {
    FakeTensor& tensor = context->tester->tensors_[index];
    tensor.eval.data.data = context->tester->planned_ ? tensor.data : nullptr;
    tensor.eval.dims = AsIntArray(&tensor.dims);
    tensor.eval.type = tensor.type;
    return &tensor.eval;
  }

  OpTester& Add(std::vector<int> dims, void* data, host_abi::TfLiteType type,
                std::vector<int>* indices) {
    indices->push_back(static_cast<int>(tensors_.size()));
    tensors_.push_back({IntArray(std::move(dims)), data, type, {}});
    return *this;
  }

  const api::Registration& op_;
  std::string options_;
  void* vtable_[kGetTensorSlot + 1] = {};
  FakeMicroContext fake_ = {};
  api::Context context_ = {};
  api::Node node_ = {};
  std::vector<int> inputs_, outputs_, input_array_, output_array_;
  std::deque<FakeTensor> tensors_;
  std::deque<std::unique_ptr<char[]>> persistent_;
  bool planned_ = false;
};

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_TFLM_OP_TESTER_H_
