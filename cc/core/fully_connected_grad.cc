#include "cc/core/fully_connected_grad.h"

#include "cc/core/float_bits.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

constexpr int32_t kPiece = 128;  // weights whose changes are summed at a time, on the stack

bool IsSelected(float delta) { return MagnitudeBits(delta) != 0; }

// The only row that selected the unit. With an input delta it hands down in the same pass over the weights.
void UpdateByRow(const FullyConnectedGradParams& p, int32_t unit, int32_t row, float* input_delta) {
  const float delta = p.delta[row * p.units + unit];
  const float change = -p.step * delta;
  const float* const x = p.input + row * p.inputs;
  float* const weights = p.trained_weights + unit * p.inputs;
  if (input_delta != nullptr) {
    HandDownAndUpdate(p.inputs, delta, change, x, weights, input_delta);
  } else {
    AddScaled(p.inputs, change, x, weights);
  }
}

// Adds the sum of what all rows change to n weights of a unit, from `first`. n is at most kPiece, or one pass takes all rows.
void UpdatePiece(const FullyConnectedGradParams& p, int32_t unit, int32_t first, int32_t n, bool one_pass) {
  float sum[kPiece];
  float* const weights = p.trained_weights + unit * p.inputs + first;
  if (!one_pass) Clear(n, sum);
  ScaledSum changes(n, one_pass ? weights : sum);
  for (int32_t row = 0; row < p.rows; ++row) {
    const float delta = p.delta[row * p.units + unit];
    if (IsSelected(delta)) changes.Add(-p.step * delta, p.input + row * p.inputs + first);
  }
  changes.Finish();
  if (!one_pass) AddScaled(n, 1.0f, sum, weights);
}

void UpdateByRows(const FullyConnectedGradParams& p, int32_t unit, bool one_pass) {
  const int32_t piece = one_pass ? p.inputs : kPiece;
  for (int32_t first = 0; first < p.inputs; first += piece) {
    const int32_t left = p.inputs - first;
    UpdatePiece(p, unit, first, left < piece ? left : piece, one_pass);
  }
}

}  // namespace

void FullyConnectedGrad(const FullyConnectedGradParams& p) {
  if (p.input_delta != nullptr) Clear(p.rows * p.inputs, p.input_delta);
  // With several rows all of them hand down before the first one updates; a single one does both in one pass.
  float* const fused = p.rows == 1 && p.trained_weights != nullptr ? p.input_delta : nullptr;
  const bool hands_down_first = p.input_delta != fused;
  for (int32_t unit = 0; unit < p.units; ++unit) {
    if (p.rows == 1 && !IsSelected(p.delta[unit])) continue;  // mostly
    int32_t selected = 0, last = 0;
    float bias_change = 0.0f;
    for (int32_t row = 0; row < p.rows; ++row) {
      const float delta = p.delta[row * p.units + unit];
      if (!IsSelected(delta)) continue;
      ++selected;
      last = row;
      bias_change -= p.step * delta;
      if (hands_down_first) {
        AddScaled(p.inputs, delta, p.weights + unit * p.inputs, p.input_delta + row * p.inputs);
      }
    }
    if (selected == 0) continue;
    if (p.trained_bias != nullptr) p.trained_bias[unit] += bias_change;
    if (p.trained_weights == nullptr) continue;  // then there may be no input either
    if (selected == 1) {
      UpdateByRow(p, unit, last, fused);
    } else {
      UpdateByRows(p, unit, ScaledSum::kOnePass > 1 && selected <= ScaledSum::kOnePass);
    }
  }
}

}  // namespace tinyprop
