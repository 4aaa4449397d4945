// TinyPropResetState: sets the bytes of every state, always or where it is asked for.
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/layer_grad_case.h"

namespace tinyprop {
namespace testing {
namespace {

// A value whose four bytes are `byte`.
int32_t Repeated(int32_t byte) { return static_cast<int32_t>(static_cast<uint32_t>(byte & 0xff) * 0x01010101u); }

OpCase MakeCase(Random& random, bool is_benchmark) {
  using T = CaseTensor;
  ResetStateOptions options;
  options.states = static_cast<uint16_t>(is_benchmark ? 2 : random.Int(1, 3));
  options.on_request = !is_benchmark && random.Chance(0.5);
  const bool is_reset = options.on_request == 0 || random.Chance(0.5);
  OpCase op;
  op.name = "ResetState";
  op.registration = &RegisterResetState();
  op.options = OptionBytes(options);
  std::vector<int32_t> values;
  for (int i = 0; i < options.states; ++i) values.push_back(random.Int(-128, 127));
  op.tensors.push_back(Ints("reset values", {options.states}, values, T::kConstant));
  std::vector<Expectation> expected;
  for (int i = 0; i < options.states; ++i) {
    const std::string role = "state " + std::to_string(i);
    const int n = is_benchmark ? 64 : random.Int(1, 5);
    op.tensors.push_back(Ints(role, {1, n}, std::vector<int32_t>(static_cast<size_t>(n), 99), T::kMutable | T::kAnyType));
    const double value = is_reset ? Repeated(values[static_cast<size_t>(i)]) : 99;
    expected.push_back({role, std::vector<double>(static_cast<size_t>(n), value), {}, 0});
  }
  if (options.on_request != 0) {
    op.tensors.push_back(Ints("request", {1}, {is_reset}, T::kAnyType));
    op.refused.emplace_back("two requests", [](OpCase& changed) {
      changed["request"].dims = {2};
      changed["request"].ints = {1, 1};
    });
  }
  op.expect = [=](const OpCase&) { return expected; };
  op.no_gradient = "it begins a step, and computes no gradient";
  op.refused.emplace_back("more states than there are tensors", [=](OpCase& changed) {
    ResetStateOptions more = options;
    ++more.states;
    changed.options = OptionBytes(more);
  });
  op.refused.emplace_back("a request that is not there, or one that is not expected", [=](OpCase& changed) {
    ResetStateOptions other = options;
    other.on_request = other.on_request == 0;
    changed.options = OptionBytes(other);
  });
  return op;
}

const OpCaseRegistration registered("ResetState", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
