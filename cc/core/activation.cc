#include "cc/core/activation.h"

namespace tinyprop {
namespace {

// NaN lies in no range, so a NaN activation blocks its gradient.
void MaskOutside(float lower, float upper, Span<const float> output, Span<float> delta) {
  for (int32_t i = 0; i < delta.size; ++i) {
    if (!(output[i] > lower && output[i] < upper)) delta[i] = 0.0f;
  }
}

void MaskNonPositive(Span<const float> output, Span<float> delta) {
  for (int32_t i = 0; i < delta.size; ++i) {
    if (!(output[i] > 0.0f)) delta[i] = 0.0f;
  }
}

}  // namespace

void ActivationGrad(Activation activation, Span<const float> output, Span<float> delta) {
  switch (activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      return MaskNonPositive(output, delta);
    case Activation::kReluN1To1:
      return MaskOutside(-1.0f, 1.0f, output, delta);
    case Activation::kRelu6:
      return MaskOutside(0.0f, 6.0f, output, delta);
  }
}

}  // namespace tinyprop
