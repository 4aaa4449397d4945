// TinyPropTransposeConvGrad:  z[p stride + t - pad, oc] = sum over positions p, taps t and ic of x[p, ic] W[oc, t, ic], + b[oc].
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/conv_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  return ConvCase(random, is_benchmark, {"TransposeConvGrad", &RegisterTransposeConvGrad(), false, true});
}

const OpCaseRegistration registered("TransposeConvGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
