#include "cc/core/fully_connected_grad.h"

#include "cc/core/float_bits.h"
#include "cc/core/next_selected.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

bool IsSelected(float delta) { return MagnitudeBits(delta) != 0; }

void Update(const FullyConnectedGradParams& p, int32_t unit, float change, int32_t row, float* input_delta,
            float delta) {
  if (p.trained_bias != nullptr) p.trained_bias[unit] += change;
  if (p.trained_weights == nullptr) return;  // then there may be no input either
  const float* const x = p.input + row * p.inputs;
  float* const weights = p.trained_weights + unit * p.inputs;
  if (input_delta != nullptr) {
    HandDownAndUpdate(p.inputs, delta, change, x, weights, input_delta);
  } else {
    AddScaled(p.inputs, change, x, weights);
  }
}

}  // namespace

void FullyConnectedGrad(const FullyConnectedGradParams& p) {
  if (p.input_delta != nullptr) Clear(p.rows * p.inputs, p.input_delta);
  // With several rows all of them hand down before the first one updates; a single one does both in one pass.
  float* const fused = p.rows == 1 && p.trained_weights != nullptr ? p.input_delta : nullptr;
  for (int32_t unit = 0;; ++unit) {
    if (p.rows == 1) unit = NextSelected(p.delta, 1, unit, p.units);  // mostly zeros
    if (unit >= p.units) return;
    if (p.input_delta != nullptr && fused == nullptr) {
      for (int32_t row = 0; row < p.rows; ++row) {
        const float delta = p.delta[row * p.units + unit];
        if (!IsSelected(delta)) continue;
        AddScaled(p.inputs, delta, p.weights + unit * p.inputs, p.input_delta + row * p.inputs);
      }
    }
    for (int32_t row = 0; row < p.rows; ++row) {
      const float delta = p.delta[row * p.units + unit];
      if (IsSelected(delta)) Update(p, unit, -p.step * delta, row, fused, delta);
    }
  }
}

}  // namespace tinyprop
