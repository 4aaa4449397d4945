// TinyPropBinaryCrossEntropy:  loss = - sum (u log p + (1 - u) log(1 - p)) / n, p = 1 / (1 + exp(-z)), u = t (1 - s) + s / 2, per sample.
#include "tests/cc/tflm/elementwise_loss_case.h"

namespace tinyprop {
namespace testing {
namespace {

std::pair<double, double> Element(const LossOptions& options, double y, double t) {
  const double s = options.label_smoothing, u = t * (1 - s) + s / 2, p = 1 / (1 + std::exp(-y));
  return {-u * std::log(p) - (1 - u) * std::log(1 - p), p - u};
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  LossOptions options;
  options.label_smoothing = is_benchmark || random.Chance(0.5) ? 0.0f : random.Uniform(0.0f, 1.0f);
  return MakeElementwiseLossCase("BinaryCrossEntropy", RegisterBinaryCrossEntropy(), random, is_benchmark, options, Element,
                                 [](Random& r, float) { return r.Chance(0.5) ? static_cast<float>(r.Int(0, 1)) : r.Uniform(0.0f, 1.0f); });
}

const OpCaseRegistration registered("BinaryCrossEntropy", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
