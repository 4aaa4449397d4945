// TinyPropScatterAdd:  every position is a weighted sum of slices of x, by constant indices.
#include <algorithm>

#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/pool_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  const int outer = is_benchmark ? 1 : random.Int(1, 3), inner = is_benchmark ? 256 : random.Int(1, 4);
  const int positions = is_benchmark ? 16 : random.Int(1, 6), taps = is_benchmark ? 1 : random.Int(1, 3);
  const int size = is_benchmark ? 8 : random.Int(1, 6);
  const bool weighted = !is_benchmark && random.Chance(0.5);
  std::vector<int32_t> indices;
  for (int i = 0; i < positions * taps; ++i) indices.push_back(is_benchmark ? i / 2 : random.Int(0, size - 1));
  const std::vector<int> from = {outer, positions, inner}, to = {outer, size, inner}, by = {positions, taps};
  OpCase op;
  op.name = "ScatterAdd";
  op.registration = &RegisterScatterAdd();
  ScatterAddOptions options;
  options.axis = 1;
  op.options = OptionBytes(options);
  op.tensors = {Floats("delta", from, random.Normal(outer * positions * inner)),
                Ints("indices", by, indices, CaseTensor::kConstant),
                weighted ? Floats("weights", by, random.Normal(positions * taps), CaseTensor::kOptional)
                         : Absent("weights", CaseTensor::kOptional),
                Ints("gate", {outer}, RandomGate(random, outer)), Output("input delta", to)};
  op["gate"].free_axes = {0};
  // Nothing else says how many slices there are beyond the last index, and how many taps if there are no weights.
  op["input delta"].free_axes = {1};
  if (!weighted) op["indices"].free_axes = {1};
  op.expect = [=](const OpCase& before) {
    std::vector<double> value(static_cast<size_t>(outer * size * inner)), magnitude(value.size());
    for (int i = 0; i < outer * positions * inner; ++i) {
      const int position = i / inner % positions;
      for (int t = position * taps; t < (position + 1) * taps; ++t) {
        const auto tap = static_cast<size_t>(t);
        const double added = before["delta"].floats[static_cast<size_t>(i)] * (weighted ? before["weights"].floats[tap] : 1.0);
        const auto at = static_cast<size_t>((i / inner / positions * size + indices[tap]) * inner + i % inner);
        value[at] += added;
        magnitude[at] += std::fabs(added);
      }
    }
    return std::vector<Expectation>{{"input delta", value, magnitude, 64}};
  };
  op.no_gradient = "linear, and its input is no tensor of the op: the expectation is the gradient";
  for (int32_t index : {-1, size, INT32_MAX}) {
    op.refused.emplace_back("index " + std::to_string(index), [=](OpCase& changed) { changed["indices"].ints.back() = index; });
  }
  op.refused.emplace_back("input delta without a slice that is named", [=](OpCase& changed) {
    changed["input delta"].dims[1] = *std::max_element(indices.begin(), indices.end());
  });
  op.refused.emplace_back("an axis behind the last", [](OpCase& changed) { changed.options[4] = 3; });
  op.refused.emplace_back("indices without taps", [=](OpCase& changed) { changed["indices"].dims = {positions * taps}; });
  const int wrong = outer * positions * inner + 1;
  op.refused.emplace_back("a batch that does not divide delta", [=](OpCase& changed) {
    changed["gate"].dims = {wrong};
    changed["gate"].ints.assign(static_cast<size_t>(wrong), 1);
  });
  return op;
}

const OpCaseRegistration registered("ScatterAdd", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
