// TinyPropMeanSquaredError:  loss = sum (y - t)^2 / n, per sample.
#include "tests/cc/tflm/elementwise_loss_case.h"

namespace tinyprop {
namespace testing {
namespace {

std::pair<double, double> Element(const LossOptions&, double y, double t) {
  return {(y - t) * (y - t), 2 * (y - t)};
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  LossOptions options;
  return MakeElementwiseLossCase("MeanSquaredError", RegisterMeanSquaredError(), random, is_benchmark, options, Element,
                                 [](Random& r, float) { return r.Normal(1)[0]; });
}

const OpCaseRegistration registered("MeanSquaredError", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
