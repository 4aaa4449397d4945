// TinyPropDepthwiseConv2DGrad:  z[p, oc] = sum over taps t of x[p stride + t dilation - pad, oc / M] W[t, oc] + b[oc].
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/conv_case.h"

namespace tinyprop {
namespace testing {
namespace {

OpCase MakeCase(Random& random, bool is_benchmark) {
  return ConvCase(random, is_benchmark, {"DepthwiseConv2DGrad", &RegisterDepthwiseConv2DGrad(), true, false});
}

const OpCaseRegistration registered("DepthwiseConv2DGrad", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
