// TinyPropMeanSquaredError:  loss = sum (y - t)^2 / n, per sample.
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/loss_case.h"

namespace tinyprop {
namespace testing {
namespace {

LossParts SquaredError(size_t n, const std::vector<double>& y, const std::vector<double>& t) {
  LossParts parts;
  for (size_t row = 0; row < y.size(); row += n) {
    double loss = 0;
    for (size_t i = row; i < row + n; ++i) {
      loss += (y[i] - t[i]) * (y[i] - t[i]) / static_cast<double>(n);
      parts.gradient.push_back(2 * (y[i] - t[i]) / static_cast<double>(n));
    }
    parts.loss.push_back(loss);
  }
  return parts;
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  const int batch = is_benchmark ? 1 : random.Int(1, 4), n = is_benchmark ? 640 : random.Int(1, 9);
  LossOptions options;
  options.label_kind = 1;
  options.fused_activation = static_cast<uint8_t>(is_benchmark || random.Chance(0.5) ? 0 : random.Int(1, 3));
  const std::vector<int> dims = {batch, n};
  const std::vector<float> y = RandomOutputs(random, batch * n, options.fused_activation), label = random.Normal(batch * n);
  const std::vector<double> t(label.begin(), label.end());
  OpCase op;
  op.name = "MeanSquaredError";
  op.registration = &RegisterMeanSquaredError();
  op.options = OptionBytes(options);
  op.tensors = {Floats("output", dims, y), Floats("label", dims, label), Output("loss", {batch}), Output("delta", dims)};
  op.expect = [=](const OpCase&) {
    return ExpectLoss(SquaredError(static_cast<size_t>(n), {y.begin(), y.end()}, t), y, options.fused_activation);
  };
  SetLossGradient(&op, "output", options.fused_activation,
                  [=](const std::vector<double>& at) { return SquaredError(static_cast<size_t>(n), at, t); });
  op.refused.emplace_back("class indices", [](OpCase& changed) { changed.options[4] = 0; });
  op.refused.emplace_back("an unknown activation", [](OpCase& changed) { changed.options[5] = kActivationCount; });
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

const OpCaseRegistration registered("MeanSquaredError", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
