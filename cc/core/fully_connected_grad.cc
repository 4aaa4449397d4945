#include "cc/core/fully_connected_grad.h"

#include <cstring>

#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

// One unit that a single row selected: the fused pass.
void UnitFromOneRow(const FullyConnectedGradParams& p, int32_t unit, int32_t row) {
  const float delta = p.delta[row * p.units + unit];
  const float change = -p.step * delta;
  const int32_t offset = unit * p.inputs;
  const float* x = p.input + row * p.inputs;
  if (p.input_delta == nullptr) {
    if (p.trained_weights != nullptr) AddScaled(p.inputs, change, x, p.trained_weights + offset);
  } else if (p.trained_weights == nullptr) {
    AddScaled(p.inputs, delta, p.weights + offset, p.input_delta + row * p.inputs);
  } else {
    HandDownAndUpdate(p.inputs, delta, change, x, p.trained_weights + offset,
                      p.input_delta + row * p.inputs);
  }
}

// One unit that several rows selected: all hand down before the first updates.
void UnitFromManyRows(const FullyConnectedGradParams& p, int32_t unit, int32_t first) {
  const int32_t offset = unit * p.inputs;
  if (p.input_delta != nullptr) {
    for (int32_t row = first; row < p.rows; ++row) {
      const float delta = p.delta[row * p.units + unit];
      if (delta == 0.0f) continue;
      AddScaled(p.inputs, delta, p.weights + offset, p.input_delta + row * p.inputs);
    }
  }
  if (p.trained_weights == nullptr) return;
  for (int32_t row = first; row < p.rows; ++row) {
    const float delta = p.delta[row * p.units + unit];
    if (delta == 0.0f) continue;
    AddScaled(p.inputs, -p.step * delta, p.input + row * p.inputs, p.trained_weights + offset);
  }
}

}  // namespace

void FullyConnectedGrad(const FullyConnectedGradParams& p) {
  if (p.input_delta != nullptr) {
    std::memset(p.input_delta, 0, sizeof(float) * static_cast<size_t>(p.rows * p.inputs));
  }
  for (int32_t unit = 0; unit < p.units; ++unit) {
    int32_t first = -1;
    int32_t selected = 0;
    for (int32_t row = 0; row < p.rows; ++row) {
      const float delta = p.delta[row * p.units + unit];
      if (delta == 0.0f) continue;
      if (selected++ == 0) first = row;
      if (p.trained_bias != nullptr) p.trained_bias[unit] -= p.step * delta;
    }
    if (selected == 1) {
      UnitFromOneRow(p, unit, first);
    } else if (selected > 1) {
      UnitFromManyRows(p, unit, first);
    }
  }
}

}  // namespace tinyprop
