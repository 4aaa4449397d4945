// TinyPropAveragePool2DGrad and TinyPropMaxPool2DGrad.
#include <doctest/doctest.h>

#include "cc/core/average_pool_2d_grad.h"
#include "cc/core/max_pool_2d_grad.h"
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/op_tester.h"
#include "tests/cc/core/random_pool.h"

namespace tinyprop {
namespace testing {
namespace {

std::string PoolOptions(const Pool2DShape& s, int dilation_height = 1) {
  const int fields[] = {s.filter_height, s.filter_width, s.stride_height, s.stride_width,
                        dilation_height, 1,              s.pad_top,       s.pad_left};
  return OptionBytes().U16(std::vector<uint16_t>(std::begin(fields), std::end(fields))).WithHeader();
}

// A random pooling op with its tensors. The dimensions may be changed before Run.
struct PoolOps {
  explicit PoolOps(Random* random)
      : shape(RandomPool(random)),
        gate(shape.batch, 0),
        delta(random->Normal(OutputSize(shape))),
        input(random->Normal(InputSize(shape))),
        output(delta.size(), 0.0f),
        input_delta(input.size(), kNan),
        input_dims{shape.batch, shape.input_height, shape.input_width, shape.channels},
        output_dims{shape.batch, shape.output_height, shape.output_width, shape.channels},
        gate_dims{shape.batch},
        input_delta_dims(input_dims) {
    gate[random->Int(0, shape.batch - 1)] = 1;
    ForEachWindow(shape, [&](int32_t position, const std::vector<int32_t>& taps) {
      output[position] = input[taps[0]];
      for (int32_t tap : taps) output[position] = std::fmax(output[position], input[tap]);
    });
  }

  // Statuses of Prepare; on success Invoke has run.
  api::Status RunAverage(const std::string& options) {
    OpTester op(RegisterAveragePool2DGrad(), options);
    op.Input(output_dims, &delta).Input(gate_dims, &gate).Output(input_delta_dims, &input_delta);
    return op.Prepare() == api::kOk ? op.Invoke() : api::kError;
  }
  api::Status RunMax(const std::string& options) {
    OpTester op(RegisterMaxPool2DGrad(), options);
    op.Input(output_dims, &delta).Input(input_dims, &input).Input(output_dims, &output);
    op.Input(gate_dims, &gate).Output(input_delta_dims, &input_delta);
    return op.Prepare() == api::kOk ? op.Invoke() : api::kError;
  }
  bool BothRefuse(const std::string& options) {
    return RunAverage(options) == api::kError && RunMax(options) == api::kError;
  }
  bool BothRefuse() { return BothRefuse(PoolOptions(shape)); }

  Pool2DShape shape;
  std::vector<int32_t> gate;
  std::vector<float> delta, input, output, input_delta;
  std::vector<int> input_dims, output_dims, gate_dims, input_delta_dims;
};

TEST_CASE("the ops call their kernels") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 200; ++repeat) {
    PoolOps ops(&random);
    std::vector<float> expected(ops.input.size());
    REQUIRE(ops.RunAverage(PoolOptions(ops.shape)) == api::kOk);
    AveragePool2DGrad(ops.shape, ops.delta.data(), expected.data());
    CHECK(ops.input_delta == expected);
    REQUIRE(ops.RunMax(PoolOptions(ops.shape)) == api::kOk);
    MaxPool2DGrad(ops.shape, ops.delta.data(), ops.input.data(), ops.output.data(), expected.data());
    CHECK(ops.input_delta == expected);
  }
}

TEST_CASE("with all gates closed nothing is touched") {
  Random random;
  INFO(random.Repeat());
  for (int32_t status : {0, 2, 3}) {
    PoolOps ops(&random);
    ops.gate.assign(ops.gate.size(), status);
    ops.input_delta.assign(ops.input_delta.size(), 7.0f);
    const std::vector<float> before = ops.input_delta;
    REQUIRE(ops.RunAverage(PoolOptions(ops.shape)) == api::kOk);
    REQUIRE(ops.RunMax(PoolOptions(ops.shape)) == api::kOk);
    CHECK(ops.input_delta == before);
  }
}

// Whatever the file says: Prepare refuses, or Invoke stays inside the tensors (AddressSanitizer).
TEST_CASE("no window leaves its map, whatever the options") {
  Random random;
  INFO(random.Repeat());
  const auto number = [&] { return random.Chance(0.1) ? 65535 : random.Int(0, 6); };
  int accepted = 0;
  for (int repeat = 0; repeat < 3000; ++repeat) {
    PoolOps ops(&random);
    Pool2DShape shape = ops.shape;
    for (int32_t* field : {&shape.filter_height, &shape.filter_width, &shape.stride_height,
                           &shape.stride_width, &shape.pad_top, &shape.pad_left}) {
      if (random.Chance(0.3)) *field = number();
    }
    accepted += ops.RunAverage(PoolOptions(shape)) == api::kOk;
    accepted += ops.RunMax(PoolOptions(shape)) == api::kOk;
  }
  CHECK(accepted > 100);
  CHECK(accepted < 5900);
}

TEST_CASE("shapes that do not fit are refused") {
  Random random;
  INFO(random.Repeat());
  for (int axis : {0, 3}) {
    PoolOps ops(&random);
    ops.output_dims[axis] += 1;
    CHECK(ops.BothRefuse());
  }
  for (int axis : {1, 2}) {
    PoolOps ops(&random);
    ops.output_dims[axis] += 100;
    CHECK(ops.BothRefuse());
  }
  for (int rank : {0, 3, 5}) {
    PoolOps ops(&random);
    ops.output_dims.resize(rank, 1);
    CHECK(ops.BothRefuse());
  }
  PoolOps input_delta(&random);
  input_delta.input_delta_dims[2] += 1;
  CHECK(input_delta.RunMax(PoolOptions(input_delta.shape)) == api::kError);
  PoolOps gate(&random);
  gate.gate_dims = {5};
  CHECK(gate.BothRefuse());
}

// Each pair multiplies to a small number in 32 bits, or to none.
TEST_CASE("dimensions that are not positive or overflow are refused") {
  Random random;
  INFO(random.Repeat());
  const std::vector<std::vector<int>> pairs = {{0, 1}, {-1, -1}, {65536, 65537}, {INT32_MAX, 3}};
  for (const std::vector<int>& pair : pairs) {
    PoolOps ops(&random);
    ops.output_dims[1] = ops.input_dims[1] = ops.input_delta_dims[1] = pair[0];
    ops.output_dims[2] = ops.input_dims[2] = ops.input_delta_dims[2] = pair[1];
    CHECK(ops.BothRefuse());
  }
}

TEST_CASE("options that pooling does not have are refused") {
  Random random;
  INFO(random.Repeat());
  PoolOps ops(&random);
  const std::string options = PoolOptions(ops.shape);
  CHECK(ops.BothRefuse(PoolOptions(ops.shape, /*dilation_height=*/2)));
  CHECK(ops.BothRefuse(options.substr(0, options.size() - 1)));
  CHECK(ops.BothRefuse(""));
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
