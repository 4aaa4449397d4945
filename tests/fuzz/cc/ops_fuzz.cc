// Every op, from its case (tests/cc/tflm/op_case.h), with tensors, types, sizes and options changed: Prepare refuses it, or Invoke
// stays inside the tensors. An op that was not changed gives what its case expects.
#include "tests/cc/tflm/op_case.h"
#include "tests/fuzz/cc/fuzz.h"

namespace tinyprop {
namespace {

using testing::CaseTensor;
using testing::OpCase;

constexpr int64_t kMostElements = 1 << 12;

// Memory as large as the dimensions say. False if that is more than a fuzzer can give.
bool Resize(CaseTensor* tensor) {
  int64_t size = 1;
  for (const int dim : tensor->dims) size = dim < 1 || size > kMostElements ? kMostElements + 1 : size * dim;
  const bool fits = size <= kMostElements;
  const auto count = static_cast<size_t>(fits ? size : 1);
  if (tensor->is_int()) {
    std::vector<int32_t> values(count, 1);
    for (size_t i = 0; i < count && i < tensor->ints.size(); ++i) values[i] = tensor->ints[i];
    tensor->ints = values;
  } else {
    std::vector<float> values(count, 0.25f);
    for (size_t i = 0; i < count && i < tensor->floats.size(); ++i) values[i] = tensor->floats[i];
    tensor->floats = values;
  }
  return fits;
}

int AnyDimension(FuzzedDataProvider& input) {
  static const int kSizes[] = {0, -1, 1, 2, 3, 4, 8, 255, 65535, 65536, 65537, 1 << 30, INT32_MAX, INT32_MIN};
  return input.ConsumeBool() ? input.ConsumeIntegralInRange<int>(0, 9) : input.PickValueInArray(kSizes);
}

// One change. False if the tensors do not have the memory that they say any more: then Invoke may not run.
bool Change(FuzzedDataProvider& input, OpCase* op) {
  CaseTensor& tensor = op->tensors[input.ConsumeIntegralInRange<size_t>(0, op->tensors.size() - 1)];
  switch (input.ConsumeIntegralInRange<int>(0, 8)) {
    case 0:
      if (tensor.dims.empty()) return true;
      tensor.dims[input.ConsumeIntegralInRange<size_t>(0, tensor.dims.size() - 1)] = AnyDimension(input);
      return Resize(&tensor);
    case 1:
      tensor.dims.resize(input.ConsumeIntegralInRange<size_t>(0, 6), 1);
      return Resize(&tensor);
    case 2:
      tensor.flags ^= input.PickValueInArray<unsigned>({CaseTensor::kNoIndex, CaseTensor::kConstant, CaseTensor::kInt8, CaseTensor::kAbsent});
      return true;
    case 3:
      if (tensor.is_int()) {
        tensor.floats.assign(tensor.ints.size(), 0.5f);
        tensor.ints.clear();
      } else {
        tensor.ints.assign(tensor.floats.size(), 1);
        tensor.floats.clear();
      }
      return true;
    case 4:
      if (!op->options.empty()) {
        op->options[input.ConsumeIntegralInRange<size_t>(0, op->options.size() - 1)] = static_cast<char>(input.ConsumeIntegral<uint8_t>());
      }
      return true;
    case 5:
      op->options.resize(input.ConsumeIntegralInRange<size_t>(0, op->options.size() + 4));
      return true;
    case 6:
      if (op->tensors.size() > 1) op->tensors.erase(op->tensors.begin() + static_cast<std::ptrdiff_t>(&tensor - op->tensors.data()));
      return true;
    case 7: {
      const CaseTensor copy = tensor;
      op->tensors.push_back(copy);
      return true;
    }
    default:  // any values: deltas and gates are what other ops have left
      for (float& value : tensor.floats) {
        const auto bits = input.ConsumeIntegral<uint32_t>();
        std::memcpy(&value, &bits, sizeof value);
      }
      for (int32_t& value : tensor.ints) value = input.ConsumeIntegral<int32_t>();
      return true;
  }
}

// A tensor's memory is that of its elements even where the case says less of it.
bool HasMemory(const OpCase& op) {
  for (const CaseTensor& tensor : op.tensors) {
    int64_t size = 1;
    for (const int dim : tensor.dims) size = dim < 1 || size < 1 || size > kMostElements ? -1 : size * dim;
    const size_t held = tensor.is_int() ? tensor.ints.size() : tensor.floats.size();
    const bool is_read = !tensor.is(CaseTensor::kAbsent) && !tensor.is(CaseTensor::kNoIndex);
    if (is_read && (size < 0 || static_cast<size_t>(size) > held)) return false;
  }
  return true;
}

void CheckExpected(const OpCase& before, OpCase* after) {
  for (const testing::Expectation& expected : before.expect(before)) {
    const CaseTensor& tensor = (*after)[expected.role];
    for (size_t i = 0; i < expected.value.size(); ++i) {
      const double value = tensor.is_int() ? tensor.ints[i] : static_cast<double>(tensor.floats[i]);
      FUZZ_CHECK(expected.terms == 0
                     ? value == expected.value[i]
                     : testing::IsClose(static_cast<float>(value), expected.value[i], expected.magnitude[i], expected.terms));
    }
  }
}

}  // namespace
}  // namespace tinyprop

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinyprop;
  FuzzedDataProvider input(data, size);
  const std::vector<testing::OpCaseFactory>& cases = testing::AllOpCases();
  testing::Random random(input.ConsumeIntegral<uint16_t>());
  OpCase op = cases[input.ConsumeIntegralInRange<size_t>(0, cases.size() - 1)].make(random, false);
  const OpCase before = input.remaining_bytes() == 0 ? op : OpCase();
  int changes = 0;
  bool has_memory = true;
  for (; input.remaining_bytes() > 0 && changes < 8; ++changes) has_memory &= Change(input, &op);
  has_memory &= HasMemory(op);
  if (!has_memory) {  // Prepare reads constants; a model's are as large as it says, or it is not loaded
    for (testing::CaseTensor& tensor : op.tensors) tensor.flags &= ~static_cast<unsigned>(testing::CaseTensor::kConstant);
  }
  testing::OpRun run(&op);
  const bool is_accepted = run.Prepare() == api::kOk;
  FUZZ_CHECK(is_accepted || changes > 0);
  if (!is_accepted || !has_memory) return 0;
  FUZZ_CHECK(run.Invoke() == api::kOk);
  if (changes == 0) CheckExpected(before, &op);
  FUZZ_CHECK(run.Invoke() == api::kOk);
  return 0;
}
