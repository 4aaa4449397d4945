// TinyPropHuber:  loss = sum h(y - t) / n, h(e) = e^2 / 2 up to |e| = delta, delta (|e| - delta / 2) beyond, per sample.
#include "tests/cc/tflm/elementwise_loss_case.h"

namespace tinyprop {
namespace testing {
namespace {

std::pair<double, double> Element(const LossOptions& options, double y, double t) {
  const double e = y - t, d = options.delta;
  if (std::fabs(e) <= d) return {e * e / 2, e};
  return {d * (std::fabs(e) - d / 2), e > 0 ? d : -d};
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  LossOptions options;
  options.delta = is_benchmark ? 1.0f : random.Uniform(0.2f, 2.0f);
  return MakeElementwiseLossCase("Huber", RegisterHuber(), random, is_benchmark, options, Element,
                                 [](Random& r, float) { return r.Normal(1)[0]; });
}

const OpCaseRegistration registered("Huber", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
