// TinyPropMaxPool2DGrad:  y = largest of the window's taps on the map.
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/pool_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  const PoolMaps maps(random, is_benchmark);
  // Further apart than the steps of the differences.
  std::vector<float> x(Elements(maps.x));
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = 0.01f * static_cast<float>(i);
    std::swap(x[i], x[static_cast<size_t>(random.Int(0, static_cast<int32_t>(i)))]);
  }
  std::vector<float> y(Elements(maps.y));
  maps.ForEachWindow([&](size_t i, const std::vector<size_t>& taps) {
    y[i] = x[taps[0]];
    for (size_t tap : taps) y[i] = std::fmax(y[i], x[tap]);
  });
  const std::vector<float> delta = random.Normal(static_cast<int32_t>(Elements(maps.y)));
  OpCase op;
  op.name = "MaxPool2DGrad";
  op.registration = &RegisterMaxPool2DGrad();
  op.options = maps.Options();
  op.tensors = {Floats("delta", maps.y, delta), Floats("input", maps.x, x), Floats("output", maps.y, y),
                Ints("gate", {maps.batch}, RandomGate(random, maps.batch)), Output("input delta", maps.x)};
  op["gate"].free_axes = {0};
  op.expect = [=](const OpCase& before) {
    std::vector<double> value(Elements(maps.x)), magnitude(value.size());
    maps.ForEachWindow([&](size_t i, const std::vector<size_t>& taps) {
      for (size_t tap : taps) {
        if (before["input"].floats[tap] != before["output"].floats[i]) continue;
        value[tap] += before["delta"].floats[i];
        magnitude[tap] += std::fabs(before["delta"].floats[i]);
        return;
      }
    });
    return std::vector<Expectation>{{"input delta", value, magnitude, 64}};
  };
  op.function = [=](const Point& point) {
    const std::vector<double>& values = point.at("input");
    double sum = 0;
    maps.ForEachWindow([&](size_t i, const std::vector<size_t>& taps) {
      double largest = values[taps[0]];
      for (size_t tap : taps) largest = std::fmax(largest, values[tap]);
      sum += delta[i] * largest;
    });
    return sum;
  };
  op.derivatives = {{"input", "input delta"}};
  AddPoolFaults(&op, maps);
  return op;
}

const OpCaseRegistration registered("MaxPool2DGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
