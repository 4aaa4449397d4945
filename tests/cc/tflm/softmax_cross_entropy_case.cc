// TinyPropSoftmaxCrossEntropy:  loss = - sum_c t_c log softmax(z)_c, per sample.
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/loss_case.h"

namespace tinyprop {
namespace testing {
namespace {

LossParts CrossEntropy(int classes, const std::vector<double>& z, const std::vector<double>& t) {
  LossParts parts;
  const auto n = static_cast<size_t>(classes);
  for (size_t row = 0; row < z.size(); row += n) {
    double sum = 0, mass = 0, loss = 0;
    for (size_t c = row; c < row + n; ++c) sum += std::exp(z[c]);
    for (size_t c = row; c < row + n; ++c) mass += t[c];
    for (size_t c = row; c < row + n; ++c) {
      loss += t[c] * (std::log(sum) - z[c]);
      parts.gradient.push_back(mass * std::exp(z[c]) / sum - t[c]);
    }
    parts.loss.push_back(loss);
  }
  return parts;
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  const int batch = is_benchmark ? 1 : random.Int(1, 4), classes = is_benchmark ? 10 : random.Int(2, 6);
  const bool is_sparse = is_benchmark || random.Chance(0.5);
  LossOptions options;
  options.label_kind = is_sparse ? 0 : 1;
  options.label_smoothing = is_benchmark || random.Chance(0.5) ? 0.0f : random.Uniform(0.0f, 1.0f);
  options.fused_activation = static_cast<uint8_t>(is_benchmark || random.Chance(0.5) ? 0 : random.Int(1, 3));
  const std::vector<int> dims = {batch, classes};
  const std::vector<float> z = RandomOutputs(random, batch * classes, options.fused_activation);
  std::vector<double> targets(z.size());
  std::vector<int32_t> labels;
  for (int b = 0; b < batch; ++b) {
    labels.push_back(random.Int(0, classes - 1));
    for (int c = 0; c < classes; ++c) {
      const auto i = static_cast<size_t>(b * classes + c);
      targets[i] = is_sparse ? c == labels.back() : random.Uniform(0, 1);
    }
  }
  const std::vector<float> distribution(targets.begin(), targets.end());
  OpCase op;
  op.name = "SoftmaxCrossEntropy";
  op.registration = &RegisterSoftmaxCrossEntropy();
  op.options = OptionBytes(options);
  op.tensors = {Floats("logits", dims, z), is_sparse ? Ints("label", {batch}, labels) : Floats("label", dims, distribution),
                Output("loss", {batch}), Output("delta", dims)};
  std::vector<double> t(distribution.begin(), distribution.end());
  for (double& value : t) value = value * (1 - options.label_smoothing) + options.label_smoothing / static_cast<double>(classes);
  op.expect = [=](const OpCase&) {
    return ExpectLoss(CrossEntropy(classes, {z.begin(), z.end()}, t), z, options.fused_activation);
  };
  SetLossGradient(&op, "logits", options.fused_activation,
                  [=](const std::vector<double>& at) { return CrossEntropy(classes, at, t); });
  op.refused.emplace_back("an unknown kind of label", [](OpCase& changed) { changed.options[4] = 2; });
  op.refused.emplace_back("the other kind of label", [](OpCase& changed) { changed.options[4] ^= 1; });
  op.refused.emplace_back("an unknown activation", [](OpCase& changed) { changed.options[5] = kActivationCount; });
  op.refused.emplace_back("logits of rank 3", [=](OpCase& changed) { changed["logits"].dims = {batch, 1, classes}; });
  return op;
}

const OpCaseRegistration registered("SoftmaxCrossEntropy", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
