#include "cc/core/fully_connected_grad.h"

#include "cc/core/float_bits.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

bool IsSelected(float delta) { return MagnitudeBits(delta) != 0; }

// What one row (sample) selected of one unit.
void HandDown(const FullyConnectedGradParams& p, int32_t unit, int32_t row, float delta) {
  AddScaled(p.inputs, delta, p.weights + unit * p.inputs, p.input_delta + row * p.inputs);
}

void Update(const FullyConnectedGradParams& p, int32_t unit, int32_t row, float delta) {
  const float change = -p.step * delta;
  if (p.trained_bias != nullptr) p.trained_bias[unit] += change;
  if (p.trained_weights != nullptr) {
    AddScaled(p.inputs, change, p.input + row * p.inputs, p.trained_weights + unit * p.inputs);
  }
}

void FusedHandDownAndUpdate(const FullyConnectedGradParams& p, int32_t unit, int32_t row, float delta) {
  if (p.input_delta == nullptr) {
    Update(p, unit, row, delta);
  } else if (p.trained_weights == nullptr) {
    HandDown(p, unit, row, delta);
    Update(p, unit, row, delta);
  } else {
    const float change = -p.step * delta;
    if (p.trained_bias != nullptr) p.trained_bias[unit] += change;
    HandDownAndUpdate(p.inputs, delta, change, p.input + row * p.inputs,
                      p.trained_weights + unit * p.inputs, p.input_delta + row * p.inputs);
  }
}

}  // namespace

void FullyConnectedGrad(const FullyConnectedGradParams& p) {
  if (p.input_delta != nullptr) Clear(p.rows * p.inputs, p.input_delta);
  if (p.rows == 1) {
    for (int32_t unit = 0; unit < p.units; ++unit) {
      const float delta = p.delta[unit];
      if (IsSelected(delta)) FusedHandDownAndUpdate(p, unit, 0, delta);
    }
    return;
  }
  // Of every unit all rows hand down before the first one updates.
  for (int32_t unit = 0; unit < p.units; ++unit) {
    const float* delta = p.delta + unit;
    if (p.input_delta != nullptr) {
      for (int32_t row = 0; row < p.rows; ++row) {
        if (IsSelected(delta[row * p.units])) HandDown(p, unit, row, delta[row * p.units]);
      }
    }
    for (int32_t row = 0; row < p.rows; ++row) {
      if (IsSelected(delta[row * p.units])) Update(p, unit, row, delta[row * p.units]);
    }
  }
}

}  // namespace tinyprop
