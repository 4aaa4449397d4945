// TinyPropInitialize: copies the exported weights in the first invoke, clears the statistics, and looks for NaN.
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/layer_grad_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  using T = CaseTensor;
  const int batch = is_benchmark ? 1 : random.Int(1, 3), rows = random.Int(2, 4);
  const int inputs = is_benchmark ? 1 : random.Int(1, 3), variables = is_benchmark ? 2 : random.Int(1, 3);
  OpCase op;
  op.name = "Initialize";
  op.registration = &RegisterInitialize();
  InitializeOptions options;
  options.model_inputs = static_cast<uint16_t>(inputs);
  options.variables = static_cast<uint16_t>(variables);
  op.options = OptionBytes(options);
  op.tensors.push_back(Floats("statistics", {rows, batch, kStatisticsFields}, random.Normal(rows * batch * 4), T::kMutable));
  op.tensors[0].free_axes = {0};
  std::vector<double> finite(static_cast<size_t>(batch), 1);
  std::vector<Expectation> expected = {{"statistics", std::vector<double>(static_cast<size_t>(rows * batch * 4)), {}, 0}};
  for (int i = 0; i < inputs; ++i) {
    const std::string role = "input " + std::to_string(i);
    const int kind = is_benchmark ? 0 : random.Int(0, 2), n = is_benchmark ? 640 : random.Int(1, 6);
    if (kind == 1) {  // integers are finite
      op.tensors.push_back(Ints(role, {batch, n}, std::vector<int32_t>(static_cast<size_t>(batch * n), 9), T::kAnyType));
      continue;
    }
    // One that the batch does not divide belongs to all samples.
    const bool is_shared = kind == 2 && batch > 1;
    const int size = is_shared ? batch * n + 1 : batch * n;
    std::vector<float> values = random.Normal(size);
    if (!is_benchmark && random.Chance(0.4)) {
      const int bad = random.Int(0, size - 1);
      values[static_cast<size_t>(bad)] = random.Chance(0.5) ? kNan : -kInfinity;
      for (int b = 0; b < batch; ++b) {
        if (is_shared || bad / n == b) finite[static_cast<size_t>(b)] = 0;
      }
    }
    op.tensors.push_back(Floats(role, {size}, values, T::kAnyType));
  }
  for (int v = 0; v < variables; ++v) {
    const std::string number = std::to_string(v);
    const std::vector<int> dims = {is_benchmark ? 100 : random.Int(1, 4), random.Int(1, 4)};
    const std::vector<float> values = random.Normal(dims[0] * dims[1]);
    op.tensors.push_back(Floats("initial " + number, dims, values, T::kConstant));
    op.tensors.push_back(Floats("variable " + number, dims, std::vector<float>(values.size()), T::kMutable));
    expected.push_back({"variable " + number, {values.begin(), values.end()}, {}, 0});
  }
  op.tensors.push_back(IntOutput("finite", {batch}));
  expected.push_back({"finite", finite, {}, 0});
  op.expect = [=](const OpCase&) { return expected; };
  op.no_gradient = "it begins a step, and computes no gradient";
  op.refused.emplace_back("statistics of rank 2", [=](OpCase& changed) { changed["statistics"].dims = {rows * batch, kStatisticsFields}; });
  op.refused.emplace_back("a pair more than there are tensors", [=](OpCase& changed) { changed.options[6] = static_cast<char>(variables + 1); });
  op.refused.emplace_back("an input more than there are tensors", [=](OpCase& changed) { changed.options[4] = static_cast<char>(inputs + 1); });
  return op;
}

const OpCaseRegistration registered("Initialize", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
