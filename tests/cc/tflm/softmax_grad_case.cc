// TinyPropSoftmaxGrad:  y = exp(beta x) / sum exp(beta x) over the last dimension.
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/pool_case.h"

namespace tinyprop {
namespace testing {
namespace {

std::vector<double> Softmax(double beta, size_t classes, const std::vector<double>& x) {
  std::vector<double> y(x.size());
  for (size_t row = 0; row < x.size(); row += classes) {
    double sum = 0;
    for (size_t c = row; c < row + classes; ++c) sum += y[c] = std::exp(beta * x[c]);
    for (size_t c = row; c < row + classes; ++c) y[c] /= sum;
  }
  return y;
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  const int batch = is_benchmark ? 1 : random.Int(1, 3), rows = is_benchmark ? 16 : random.Int(1, 3);
  const int classes = is_benchmark ? 10 : random.Int(1, 6), size = batch * rows * classes;
  const std::vector<int> dims = {batch, rows, classes};
  SoftmaxGradOptions options;
  options.beta = 0.75f;
  const std::vector<float> drawn = random.Normal(size), delta = random.Normal(size);
  const std::vector<double> x(drawn.begin(), drawn.end());
  const std::vector<double> y = Softmax(options.beta, static_cast<size_t>(classes), x);
  OpCase op;
  op.name = "SoftmaxGrad";
  op.registration = &RegisterSoftmaxGrad();
  op.options = OptionBytes(options);
  op.tensors = {Floats("delta", dims, delta, CaseTensor::kMutable), Floats("output", dims, {y.begin(), y.end()}),
                Ints("gate", {batch}, RandomGate(random, batch))};
  op["gate"].free_axes = {0};
  op.expect = [=](const OpCase& before) {
    const auto loss = [&](const std::vector<double>& at) {
      const std::vector<double> softmax = Softmax(options.beta, static_cast<size_t>(classes), at);
      double sum = 0;
      for (size_t i = 0; i < softmax.size(); ++i) sum += before["delta"].floats[i] * softmax[i];
      return sum;
    };
    constexpr double kStep = 1e-6;
    Expectation expected = {"delta", {}, {}, 1 << 10};  // the differences' own error
    for (size_t i = 0; i < x.size(); ++i) {
      std::vector<double> above = x, below = x;
      above[i] += kStep;
      below[i] -= kStep;
      expected.value.push_back((loss(above) - loss(below)) / (2 * kStep));
      expected.magnitude.push_back(1);
    }
    return std::vector<Expectation>{expected};
  };
  op.no_gradient = "the expectation is a difference of the forward function already";
  op.refused.emplace_back("scalars", [](OpCase& changed) {
    for (const char* role : {"delta", "output"}) {
      changed[role].dims = {};
      changed[role].floats = {1.0f};
    }
    changed["gate"].dims = {1};
    changed["gate"].ints = {1};
  });
  op.refused.emplace_back("a batch that does not divide delta", [=](OpCase& changed) {
    changed["gate"].dims = {size + 1};
    changed["gate"].ints.assign(static_cast<size_t>(size + 1), 1);
  });
  return op;
}

const OpCaseRegistration registered("SoftmaxGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
