#include "cc/core/activation.h"

#include <limits>

namespace tinyprop {
namespace {

// The largest floats below 1 and 6. Upper bounds are inclusive, so that ReLU's can be infinity.
constexpr float kBelowOne = 0x1.fffffep-1f;
constexpr float kBelowSix = 0x1.7ffffep+2f;

// NaN lies in no range, so a NaN activation blocks its gradient. Written without branches, so that -O2 vectorises it
// on SSE2 and NEON, four at a time.
void MaskOutside(float lower, float upper, Span<const float> output, Span<float> delta) {
  const float* __restrict y = output.data;
  float* __restrict d = delta.data;
  const auto masked = [=](int32_t i) { return ((y[i] > lower) & (y[i] <= upper)) ? d[i] : 0.0f; };
  int32_t i = 0;
#if !defined(__OPTIMIZE_SIZE__)
  for (; i + 4 <= delta.size; i += 4) {
    const float d0 = masked(i), d1 = masked(i + 1), d2 = masked(i + 2), d3 = masked(i + 3);
    d[i] = d0;
    d[i + 1] = d1;
    d[i + 2] = d2;
    d[i + 3] = d3;
  }
#endif
  for (; i < delta.size; ++i) d[i] = masked(i);
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

// y = exp(x) - 1 below 0, so that dy/dx = exp(x) = y + 1 there.
void MultiplyByEluSlope(Span<const float> output, Span<float> delta) {
  for (int32_t i = 0; i < delta.size; ++i) {
    if (!(output[i] >= 0.0f)) delta[i] *= output[i] + 1.0f;
  }
}

}  // namespace

void ActivationGrad(Activation activation, Span<const float> output, Span<float> delta) {
  switch (activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      return MaskOutside(0.0f, std::numeric_limits<float>::infinity(), output, delta);
    case Activation::kReluN1To1:
      return MaskOutside(-1.0f, kBelowOne, output, delta);
    case Activation::kRelu6:
      return MaskOutside(0.0f, kBelowSix, output, delta);
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
    case ElementwiseActivation::kElu:
      return MultiplyByEluSlope(reference, delta);
  }
}

}  // namespace tinyprop
