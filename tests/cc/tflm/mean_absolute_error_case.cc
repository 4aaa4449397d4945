// TinyPropMeanAbsoluteError:  loss = sum |y - t| / n, per sample.
#include "tests/cc/tflm/elementwise_loss_case.h"

namespace tinyprop {
namespace testing {
namespace {

std::pair<double, double> Element(const LossOptions&, double y, double t) {
  // The labels keep away from the outputs: at y = t there is no derivative.
  return {std::fabs(y - t), y > t ? 1 : -1};
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  LossOptions options;
  return MakeElementwiseLossCase("MeanAbsoluteError", RegisterMeanAbsoluteError(), random, is_benchmark, options, Element,
                                 [](Random& r, float y) { return y + (r.Chance(0.5) ? 1.0f : -1.0f) * r.Uniform(0.1f, 3.0f); });
}

const OpCaseRegistration registered("MeanAbsoluteError", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
