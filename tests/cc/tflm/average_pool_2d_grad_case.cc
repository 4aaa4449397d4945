// TinyPropAveragePool2DGrad:  y = mean of the window's taps on the map.
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/pool_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  const PoolMaps maps(random, is_benchmark);
  OpCase op;
  op.name = "AveragePool2DGrad";
  op.registration = &RegisterAveragePool2DGrad();
  op.options = maps.Options();
  op.tensors = {Floats("delta", maps.y, random.Normal(static_cast<int32_t>(Elements(maps.y)))),
                Ints("gate", {maps.batch}, RandomGate(random, maps.batch)), Output("input delta", maps.x)};
  // Only the two maps say how large they are: one more row that no window reaches, or a window less, is no fault.
  op["delta"].free_axes = op["input delta"].free_axes = {1, 2};
  op["gate"].free_axes = {0};
  op.expect = [=](const OpCase& before) {
    std::vector<double> value(Elements(maps.x)), magnitude(value.size());
    maps.ForEachWindow([&](size_t i, const std::vector<size_t>& taps) {
      for (size_t tap : taps) {
        value[tap] += before["delta"].floats[i] / static_cast<double>(taps.size());
        magnitude[tap] += std::fabs(before["delta"].floats[i]);
      }
    });
    return std::vector<Expectation>{{"input delta", value, magnitude, 64}};
  };
  const std::vector<float> delta = op["delta"].floats;
  op.tensors.back().floats.assign(Elements(maps.x), kNan);
  op.no_gradient = "linear, and its input is no tensor of the op: the expectation is the gradient";
  AddPoolFaults(&op, maps);
  return op;
}

const OpCaseRegistration registered("AveragePool2DGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
