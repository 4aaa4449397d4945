// TinyPropActivationGrad and TinyPropSoftmaxGrad, which change their delta in place.
#include <doctest/doctest.h>

#include "cc/core/activation.h"
#include "cc/core/softmax_grad.h"
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/op_tester.h"
#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

std::string ActivationOptions(uint8_t kind, float slope) {
  return OptionBytes().U8(kind).U8(0).U16({0}).F32(slope).WithHeader();
}

std::string SoftmaxOptions(float beta) { return OptionBytes().F32(beta).WithHeader(); }

// Runs an op with the inputs delta [B, 3, C], reference [B, 3, C] and gate [B].
struct InPlaceOp {
  InPlaceOp(Random* random, const api::Registration& registration)
      : op(registration),
        batch(random->Int(1, 4)),
        classes(random->Int(1, 9)),
        dims{batch, 3, classes},
        reference_dims(dims),
        gate_dims{batch},
        delta(random->Normal(batch * 3 * classes)),
        reference(random->Normal(batch * 3 * classes)),
        gate(batch, 0) {
    gate[random->Int(0, batch - 1)] = 1;
  }

  api::Status Run(const std::string& options) {
    OpTester tester(op, options);
    tester.Input(dims, &delta).Input(reference_dims, &reference).Input(gate_dims, &gate);
    return tester.Prepare() == api::kOk ? tester.Invoke() : api::kError;
  }

  const api::Registration& op;
  int32_t batch, classes;
  std::vector<int> dims, reference_dims, gate_dims;
  std::vector<float> delta, reference;
  std::vector<int32_t> gate;
};

struct NamedOp {
  const api::Registration& op;
  std::string options;
};

std::vector<NamedOp> BothOps() {
  return {{RegisterActivationGrad(), ActivationOptions(5, 0.0f)},
          {RegisterSoftmaxGrad(), SoftmaxOptions(1.0f)}};
}

TEST_CASE("the activation op calls its kernel") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 200; ++repeat) {
    InPlaceOp op(&random, RegisterActivationGrad());
    const auto kind = static_cast<uint8_t>(random.Int(0, 7));
    std::vector<float> expected = op.delta;
    ElementwiseActivationGrad(static_cast<ElementwiseActivation>(kind), 0.3f, SpanOf(op.reference),
                              SpanOf(expected));
    REQUIRE(op.Run(ActivationOptions(kind, 0.3f)) == api::kOk);
    CHECK(op.delta == expected);
  }
}

TEST_CASE("the softmax op runs over the last dimension") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 200; ++repeat) {
    InPlaceOp op(&random, RegisterSoftmaxGrad());
    std::vector<float> expected = op.delta;
    SoftmaxGrad(0.7f, op.classes, SpanOf(op.reference), SpanOf(expected));
    REQUIRE(op.Run(SoftmaxOptions(0.7f)) == api::kOk);
    CHECK(op.delta == expected);
  }
}

TEST_CASE("with all gates closed nothing is touched") {
  Random random;
  INFO(random.Repeat());
  for (const NamedOp& named : BothOps()) {
    for (int32_t status : {0, 2, 3}) {
      InPlaceOp op(&random, named.op);
      op.gate.assign(op.gate.size(), status);
      const std::vector<float> before = op.delta;
      REQUIRE(op.Run(named.options) == api::kOk);
      CHECK(op.delta == before);
    }
  }
}

TEST_CASE("what does not fit is refused") {
  Random random;
  INFO(random.Repeat());
  for (const NamedOp& named : BothOps()) {
    InPlaceOp reference(&random, named.op);
    reference.reference_dims[1] = 2;
    CHECK(reference.Run(named.options) == api::kError);
    InPlaceOp gate(&random, named.op);
    gate.gate_dims = {gate.batch * 3 * gate.classes + 1};
    CHECK(gate.Run(named.options) == api::kError);
    InPlaceOp negative(&random, named.op);
    negative.dims = negative.reference_dims = {-1, -3, 1};
    CHECK(negative.Run(named.options) == api::kError);
    InPlaceOp options(&random, named.op);
    CHECK(options.Run(named.options + "x") == api::kError);

    std::vector<float> values(3), output(3);
    std::vector<int32_t> gates(1);
    OpTester missing(named.op, named.options);
    missing.Input({1, 3}, &values).NoInput().Input({1}, &gates);
    CHECK(missing.Prepare() == api::kError);
    OpTester type(named.op, named.options);
    type.Input({1, 3}, &values).Input({1, 3}, &values).Input({3}, &values);
    CHECK(type.Prepare() == api::kError);
    OpTester extra(named.op, named.options);
    extra.Input({1, 3}, &values).Input({1, 3}, &values).Input({1}, &gates).Output({1, 3}, &output);
    CHECK(extra.Prepare() == api::kError);
  }
}

TEST_CASE("a scalar has no classes") {
  std::vector<float> delta(1), output(1);
  std::vector<int32_t> gate(1);
  OpTester op(RegisterSoftmaxGrad(), SoftmaxOptions(1.0f));
  op.Input({}, &delta).Input({}, &output).Input({1}, &gate);
  CHECK(op.Prepare() == api::kError);
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
