// TinyPropConv2DGrad and TinyPropDepthwiseConv2DGrad: what Prepare accepts and refuses, and one Invoke.
#include <doctest/doctest.h>

#include "cc/core/control.h"
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/op_tester.h"
#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

constexpr uint8_t kWeightsAndBias = LayerGradOptions::kUpdatesWeights | LayerGradOptions::kUpdatesBias;

// A 3 x 3 convolution of a 4 x 4 map, padding SAME, batch 2. Everything may be changed before Run.
struct ConvOp {
  explicit ConvOp(Random* random, bool depthwise)
      : registration(depthwise ? &RegisterDepthwiseConv2DGrad() : &RegisterConv2DGrad()),
        weights_dims(depthwise ? std::vector<int>{1, 3, 3, 4} : std::vector<int>{4, 3, 3, 2}),
        delta(random->Normal(2 * 4 * 4 * 4)),
        input(random->Normal(2 * 4 * 4 * 2)),
        weights(random->Normal(depthwise ? 36 : 72)),
        bias(random->Normal(4)),
        input_delta(input.size(), kNan) {}

  api::Status Run() {
    std::string options = OptionBytes().U8(0).U8(flags).U16({1, 0}).U16(window).WithHeader();
    OpTester op(*registration, options);
    op.Input(delta_dims, &delta);
    has_input ? op.Input(input_dims, &input) : op.NoInput();
    op.NoInput().Input(weights_dims, &weights).Input({4}, &bias).Input({2}, &gate);
    op.Input({kControlSize}, &control).Input({2, 2, 4}, &statistics).Input({2}, &state);
    if (hands_down) op.Output(input_delta_dims, &input_delta);
    return op.Prepare() == api::kOk ? op.Invoke() : api::kError;
  }

  const api::Registration* registration;
  uint8_t flags = kWeightsAndBias;
  bool has_input = true, hands_down = true;
  std::vector<uint16_t> window = {1, 1, 1, 1, 1, 1};  // strides, dilations, pads
  std::vector<int> delta_dims = {2, 4, 4, 4}, input_dims = {2, 4, 4, 2}, input_delta_dims = {2, 4, 4, 2};
  std::vector<int> weights_dims;
  std::vector<float> delta, input, weights, bias, input_delta;
  std::vector<int32_t> gate = {1, 1};
  std::vector<float> control = {0.1f, 1, 1, 1, 1, 1, 0, 1};
  std::vector<float> statistics = std::vector<float>(16), state = {0, 0};
};

// Runs both kinds of convolution, each after `change`; true if both end like that.
template <typename Change>
bool Both(api::Status expected, Change change) {
  Random random;
  bool as_expected = true;
  for (bool depthwise : {false, true}) {
    ConvOp op(&random, depthwise);
    change(op);
    as_expected &= op.Run() == expected;
  }
  return as_expected;
}

TEST_CASE("a step trains, hands down and reports its multiply-accumulates") {
  Random random;
  INFO(random.Repeat());
  for (bool depthwise : {false, true}) {
    ConvOp op(&random, depthwise);
    const ConvOp before = op;
    REQUIRE(op.Run() == api::kOk);
    CHECK(op.weights != before.weights);
    CHECK(op.bias != before.bias);
    for (float d : op.input_delta) CHECK(std::isfinite(d));
    CHECK(op.statistics[8 + 2] == 64.0f);
    CHECK(op.statistics[8 + 3] == 64.0f * 2 * (depthwise ? 9 : 18));
    CHECK(op.state[1] > 0.0f);
  }
}

TEST_CASE("a closed gate leaves everything as it is") {
  Random random;
  ConvOp op(&random, false);
  op.gate = {0, 0};
  const ConvOp before = op;
  REQUIRE(op.Run() == api::kOk);
  CHECK(op.weights == before.weights);
  CHECK(op.bias == before.bias);
}

TEST_CASE("a frozen layer takes the shape of its input from the gradient it hands down") {
  const auto frozen = [](ConvOp& op) {
    op.flags = 0;
    op.has_input = false;
  };
  CHECK(Both(api::kOk, frozen));
  CHECK(Both(api::kOk, [&](ConvOp& op) {
    frozen(op);
    op.flags = LayerGradOptions::kUpdatesBias;
    op.hands_down = false;
  }));
  CHECK(Both(api::kError, [&](ConvOp& op) {
    frozen(op);
    op.input_delta_dims = {2, 4, 4, 3};
  }));
  CHECK(Both(api::kError, [](ConvOp& op) { op.has_input = false; }));
}

TEST_CASE("shapes that do not fit are refused") {
  const auto refuses = [](auto change) { return Both(api::kError, change); };
  CHECK(Both(api::kOk, [](ConvOp&) {}));
  CHECK(refuses([](ConvOp& op) { op.delta_dims = {2, 4, 16}; }));
  CHECK(refuses([](ConvOp& op) { op.delta_dims = {1, 4, 4, 4}; }));
  CHECK(refuses([](ConvOp& op) { op.delta_dims = {2, 4, 4, 3}; }));
  CHECK(refuses([](ConvOp& op) { op.input_dims = {2, 4, 4, 3}; }));
  CHECK(refuses([](ConvOp& op) { op.input_dims = {2, 16, 2}; }));
  CHECK(refuses([](ConvOp& op) { op.input_dims = {1, 8, 4, 2}; }));
  CHECK(refuses([](ConvOp& op) { op.input_delta_dims = {2, 2, 8, 2}; }));
  CHECK(refuses([](ConvOp& op) { op.weights_dims[0] = 3; }));
  CHECK(refuses([](ConvOp& op) { op.weights_dims[3] = 1; }));
  CHECK(refuses([](ConvOp& op) { op.weights_dims.pop_back(); }));
  CHECK(refuses([](ConvOp& op) { op.delta_dims = op.input_dims = op.input_delta_dims = {3, 4, 4, 2}; }));
}

TEST_CASE("filters that leave the input are refused") {
  const auto refuses = [](std::vector<uint16_t> window) {
    return Both(api::kError, [&](ConvOp& op) { op.window = window; });
  };
  CHECK(Both(api::kOk, [](ConvOp& op) { op.window = {1, 1, 1, 1, 2, 2}; }));
  CHECK(Both(api::kOk, [](ConvOp& op) { op.window = {1, 1, 65535, 65535, 1, 1}; }));
  CHECK(refuses({1, 1, 1, 1, 3, 1}));
  CHECK(refuses({1, 1, 1, 1, 1, 65535}));
  CHECK(refuses({2, 1, 1, 1, 1, 1}));
  CHECK(refuses({1, 65535, 1, 1, 1, 1}));
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
