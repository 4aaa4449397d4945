// TinyPropReduceMaxGrad:  y = largest element along axes side by side; equal ones share the gradient.
#include <numeric>

#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/pool_case.h"

namespace tinyprop {
namespace testing {
namespace {

// x [outer, reduced, inner] by elements of y.
template <typename Visit>
void ForEachReduced(size_t outer, size_t reduced, size_t inner, Visit visit) {
  for (size_t i = 0; i < outer * inner; ++i) {
    std::vector<size_t> elements(reduced);
    for (size_t r = 0; r < reduced; ++r) elements[r] = (i / inner * reduced + r) * inner + i % inner;
    visit(i, elements);
  }
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  const int rank = is_benchmark ? 4 : random.Int(1, 4);
  std::vector<int> x_dims = {8, 8, 8, 32}, y_dims;
  if (is_benchmark) x_dims[0] = 1;
  x_dims.resize(static_cast<size_t>(rank));
  if (!is_benchmark) for (int& dim : x_dims) dim = random.Int(1, 4);
  ReduceGradOptions options;
  options.first_axis = static_cast<uint8_t>(is_benchmark ? 1 : random.Int(0, rank - 1));
  options.axes = static_cast<uint8_t>(is_benchmark ? 2 : random.Int(1, rank - options.first_axis));
  const auto begin = x_dims.begin() + options.first_axis, end = begin + options.axes;
  const auto product = [](auto from, auto to) { return static_cast<size_t>(std::accumulate(from, to, 1, std::multiplies<>())); };
  const size_t outer = product(x_dims.begin(), begin), reduced = product(begin, end), inner = product(end, x_dims.end());
  y_dims.assign(x_dims.begin(), begin);
  y_dims.insert(y_dims.end(), end, x_dims.end());
  if (y_dims.empty()) y_dims = {1};
  const int batch = y_dims[0];
  // Ties, or further apart than the steps of the differences.
  const bool has_ties = !is_benchmark && random.Chance(0.5);
  std::vector<float> x(Elements(x_dims)), y(Elements(y_dims));
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = has_ties ? static_cast<float>(random.Int(-1, 1)) : 0.01f * static_cast<float>(i);
    std::swap(x[i], x[static_cast<size_t>(random.Int(0, static_cast<int32_t>(i)))]);
  }
  ForEachReduced(outer, reduced, inner, [&](size_t i, const std::vector<size_t>& elements) {
    y[i] = x[elements[0]];
    for (size_t element : elements) y[i] = std::fmax(y[i], x[element]);
  });
  const std::vector<float> delta = random.Normal(static_cast<int32_t>(y.size()));
  OpCase op;
  op.name = "ReduceMaxGrad";
  op.registration = &RegisterReduceMaxGrad();
  op.options = OptionBytes(options);
  op.tensors = {Floats("delta", y_dims, delta), Floats("input", x_dims, x), Floats("output", y_dims, y),
                Ints("gate", {batch}, RandomGate(random, batch)), Output("input delta", x_dims)};
  op["gate"].free_axes = {0};
  op.expect = [=](const OpCase& before) {
    std::vector<double> value(x.size()), magnitude(x.size());
    ForEachReduced(outer, reduced, inner, [&](size_t i, const std::vector<size_t>& elements) {
      double equal = 0;
      for (size_t element : elements) equal += before["input"].floats[element] == before["output"].floats[i];
      for (size_t element : elements) {
        if (before["input"].floats[element] != before["output"].floats[i]) continue;
        value[element] = before["delta"].floats[i] / equal;
        magnitude[element] = std::fabs(value[element]);
      }
    });
    return std::vector<Expectation>{{"input delta", value, magnitude, 2}};
  };
  if (has_ties) {
    op.no_gradient = "between equal elements there is a kink";
  } else {
    op.function = [=](const Point& point) {
      double sum = 0;
      ForEachReduced(outer, reduced, inner, [&](size_t i, const std::vector<size_t>& elements) {
        double largest = point.at("input")[elements[0]];
        for (size_t element : elements) largest = std::fmax(largest, point.at("input")[element]);
        sum += delta[i] * largest;
      });
      return sum;
    };
    op.derivatives = {{"input", "input delta"}};
  }
  op.refused.emplace_back("no axis", [](OpCase& changed) { changed.options[5] = 0; });
  op.refused.emplace_back("an axis behind the last", [=](OpCase& changed) {
    changed.options[4] = static_cast<char>(rank);
    changed.options[5] = 1;
  });
  op.refused.emplace_back("an axis more than there are", [=](OpCase& changed) {
    changed.options[5] = static_cast<char>(rank - options.first_axis + 1);
  });
  const int wrong = static_cast<int>(y.size()) + 1;
  op.refused.emplace_back("a batch that does not divide delta", [=](OpCase& changed) {
    changed["gate"].dims = {wrong};
    changed["gate"].ints.assign(static_cast<size_t>(wrong), 1);
  });
  return op;
}

const OpCaseRegistration registered("ReduceMaxGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
