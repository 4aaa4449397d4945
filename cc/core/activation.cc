#include "cc/core/activation.h"

namespace tinyprop {
namespace {

// NaN lies in no range, so a NaN activation blocks its gradient.
void MaskOutside(float lower, float upper, Span<const float> output, Span<float> delta) {
  for (int32_t i = 0; i < delta.size; ++i) {
    if (!(output[i] > lower && output[i] < upper)) delta[i] = 0.0f;
  }
}

// Four at a time and without branches, so that -O2 vectorises the block on SSE2 and NEON.
void MaskNonPositive(Span<const float> output, Span<float> delta) {
  const float* __restrict y = output.data;
  float* __restrict d = delta.data;
  int32_t i = 0;
  for (; i + 4 <= delta.size; i += 4) {
    const float d0 = y[i] > 0.0f ? d[i] : 0.0f;
    const float d1 = y[i + 1] > 0.0f ? d[i + 1] : 0.0f;
    const float d2 = y[i + 2] > 0.0f ? d[i + 2] : 0.0f;
    const float d3 = y[i + 3] > 0.0f ? d[i + 3] : 0.0f;
    d[i] = d0;
    d[i + 1] = d1;
    d[i + 2] = d2;
    d[i + 3] = d3;
  }
  for (; i < delta.size; ++i) d[i] = y[i] > 0.0f ? d[i] : 0.0f;
}

void MultiplyByLeakyReluSlope(float slope, Span<const float> input, Span<float> delta) {
  for (int32_t i = 0; i < delta.size; ++i) {
    if (!(input[i] > 0.0f)) delta[i] *= slope;
  }
}

// (1 - y) (1 + y) keeps the digits that 1 - y^2 loses near saturation.
void MultiplyByTanhSlope(Span<const float> output, Span<float> delta) {
  for (int32_t i = 0; i < delta.size; ++i) delta[i] *= (1.0f - output[i]) * (1.0f + output[i]);
}

void MultiplyByLogisticSlope(Span<const float> output, Span<float> delta) {
  for (int32_t i = 0; i < delta.size; ++i) delta[i] *= output[i] * (1.0f - output[i]);
}

void MultiplyByHardSwishSlope(Span<const float> input, Span<float> delta) {
  for (int32_t i = 0; i < delta.size; ++i) {
    const float x = input[i];
    if (x <= -3.0f) {
      delta[i] = 0.0f;
    } else if (!(x >= 3.0f)) {
      delta[i] *= (2.0f * x + 3.0f) * (1.0f / 6.0f);
    }
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

void ElementwiseActivationGrad(ElementwiseActivation kind, float slope, Span<const float> reference,
                               Span<float> delta) {
  switch (kind) {
    case ElementwiseActivation::kNone:
    case ElementwiseActivation::kRelu:
    case ElementwiseActivation::kReluN1To1:
    case ElementwiseActivation::kRelu6:
      return ActivationGrad(static_cast<Activation>(kind), reference, delta);
    case ElementwiseActivation::kLeakyRelu:
      return MultiplyByLeakyReluSlope(slope, reference, delta);
    case ElementwiseActivation::kTanh:
      return MultiplyByTanhSlope(reference, delta);
    case ElementwiseActivation::kLogistic:
      return MultiplyByLogisticSlope(reference, delta);
    case ElementwiseActivation::kHardSwish:
      return MultiplyByHardSwishSlope(reference, delta);
  }
}

}  // namespace tinyprop
