// TinyPropResetState over several invokes, and the bytes of small types.
#include <doctest/doctest.h>

#include <utility>

#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/op_case.h"

namespace tinyprop {
namespace testing {
namespace {

constexpr unsigned kStateFlags = CaseTensor::kMutable | CaseTensor::kAnyType;
constexpr int32_t kFourBytes = static_cast<int32_t>(0xfbfbfbfbu);  // of -5

OpCase CaseOf(CaseTensor state, bool on_request) {
  ResetStateOptions options;
  options.states = 1;
  options.on_request = on_request;
  OpCase op;
  op.registration = &RegisterResetState();
  op.options = OptionBytes(options);
  op.tensors = {Ints("reset values", {1}, {-5}, CaseTensor::kConstant), std::move(state)};
  if (on_request) op.tensors.push_back(Ints("request", {1}, {0}, CaseTensor::kAnyType));
  return op;
}

TEST_CASE("state that is kept is reset when it is asked for, other state in every invoke") {
  for (const bool on_request : {false, true}) {
    OpCase op = CaseOf(Ints("state", {1, 2}, {11, 12}, kStateFlags), on_request);
    std::vector<int32_t>& state = op["state"].ints;
    OpRun run(&op);
    REQUIRE(run.Prepare() == api::kOk);
    for (const int request : {0, 1, 0, 0, 1}) {
      if (on_request) op["request"].ints[0] = request;
      state = {11, 12};
      REQUIRE(run.Invoke() == api::kOk);
      const bool is_reset = !on_request || request != 0;
      CHECK(state == (is_reset ? std::vector<int32_t>{kFourBytes, kFourBytes} : std::vector<int32_t>{11, 12}));
    }
  }
}

TEST_CASE("as many bytes are set as the type has") {
  // Eight bytes of memory for five elements of one byte each.
  OpCase op = CaseOf(Ints("state", {1, 5}, {0, 0}, kStateFlags | CaseTensor::kInt8), false);
  OpRun run(&op);
  REQUIRE(run.Prepare() == api::kOk);
  REQUIRE(run.Invoke() == api::kOk);
  const std::vector<int32_t> expected = {kFourBytes, 0xfb};
  CHECK(op["state"].ints == expected);
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
