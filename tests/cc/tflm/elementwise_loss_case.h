// A case of a loss whose label has the shape of the output (cc/tflm/elementwise_loss.h).
#ifndef TINYPROP_TESTS_CC_TFLM_ELEMENTWISE_LOSS_CASE_H_
#define TINYPROP_TESTS_CC_TFLM_ELEMENTWISE_LOSS_CASE_H_

#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/loss_case.h"

namespace tinyprop {
namespace testing {

// Loss of one element, and its derivative, for an output y and a label t.
using ElementLoss = std::pair<double, double> (*)(const LossOptions& options, double y, double t);

inline LossParts MeanOf(ElementLoss element, const LossOptions& options, size_t n, const std::vector<double>& y,
                        const std::vector<double>& t) {
  LossParts parts;
  for (size_t row = 0; row < y.size(); row += n) {
    double sum = 0;
    for (size_t i = row; i < row + n; ++i) {
      const std::pair<double, double> loss = element(options, y[i], t[i]);
      sum += loss.first;
      parts.gradient.push_back(loss.second / static_cast<double>(n));
    }
    parts.loss.push_back(sum / static_cast<double>(n));
  }
  return parts;
}

// label(random, y): one for an output y. options: parameters of the loss; the rest is drawn.
template <typename Label>
OpCase MakeElementwiseLossCase(const char* name, const api::Registration& registration, Random& random, bool is_benchmark,
                               LossOptions options, ElementLoss element, Label label_of) {
  const int batch = is_benchmark ? 1 : random.Int(1, 4), size = is_benchmark ? 640 : random.Int(1, 9);
  const auto n = static_cast<size_t>(size);
  options.label_kind = 1;
  options.fused_activation = static_cast<uint8_t>(is_benchmark || random.Chance(0.5) ? 0 : random.Int(1, 3));
  const std::vector<int> dims = {batch, size};
  const std::vector<float> y = RandomOutputs(random, batch * size, options.fused_activation);
  std::vector<float> label;
  for (float output : y) label.push_back(label_of(random, output));
  const std::vector<double> t(label.begin(), label.end());
  OpCase op;
  op.name = name;
  op.registration = &registration;
  op.options = OptionBytes(options);
  op.tensors = {Floats("output", dims, y), Floats("label", dims, label), Output("loss", {batch}), Output("delta", dims)};
  op.expect = [=](const OpCase&) {
    return ExpectLoss(MeanOf(element, options, n, {y.begin(), y.end()}, t), y, options.fused_activation);
  };
  SetLossGradient(&op, "output", options.fused_activation,
                  [=](const std::vector<double>& at) { return MeanOf(element, options, n, at, t); });
  op.refused.emplace_back("class indices", [](OpCase& changed) { changed.options[4] = 0; });
  op.refused.emplace_back("an unknown activation", [](OpCase& changed) { changed.options[5] = kActivationCount; });
  op.refused.emplace_back("label smoothing above 1", [=](OpCase& changed) {
    LossOptions unknown = options;
    unknown.label_smoothing = 1.5f;
    changed.options = OptionBytes(unknown);
  });
  op.refused.emplace_back("a delta that is no number", [=](OpCase& changed) {
    LossOptions unknown = options;
    unknown.delta = kNan;
    changed.options = OptionBytes(unknown);
  });
  op.refused.emplace_back("scalars", [](OpCase& changed) {
    for (const char* role : {"output", "label", "delta"}) {
      changed[role].dims = {};
      changed[role].floats = {1.0f};
    }
    changed["loss"].dims = {1};
    changed["loss"].floats = {1.0f};
  });
  return op;
}

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_TFLM_ELEMENTWISE_LOSS_CASE_H_
