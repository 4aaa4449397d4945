#include "cc/core/softmax_grad.h"

namespace tinyprop {
namespace {

void RowGrad(float beta, Span<const float> output, Span<float> delta) {
  float mean = 0.0f;  // of delta under the distribution y
  for (int32_t c = 0; c < delta.size; ++c) mean += output[c] * delta[c];
  for (int32_t c = 0; c < delta.size; ++c) delta[c] = beta * output[c] * (delta[c] - mean);
}

}  // namespace

void SoftmaxGrad(float beta, int32_t classes, Span<const float> output, Span<float> delta) {
  for (int32_t row = 0; row < delta.size; row += classes) {
    RowGrad(beta, output.subspan(row, classes), delta.subspan(row, classes));
  }
}

}  // namespace tinyprop
