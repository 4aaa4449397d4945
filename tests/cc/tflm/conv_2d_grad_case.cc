// TinyPropConv2DGrad:  z[p, oc] = sum over taps t and ic of x[p stride + t dilation - pad, ic] W[oc, t, ic] + b[oc].
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/conv_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  return ConvCase(random, is_benchmark, {"Conv2DGrad", &RegisterConv2DGrad(), false, false});
}

const OpCaseRegistration registered("Conv2DGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
