// TinyPropv2's decision metric (arXiv 2409.07109): which samples are worth a backward pass.
//
//   D = D_min + alpha_L (D_max - D_min)      at the output layer; skip the sample if D < threshold
#ifndef TINYPROP_CC_CORE_DECISION_H_
#define TINYPROP_CC_CORE_DECISION_H_

#include <cstdint>

#include "cc/core/control.h"
#include "cc/core/span.h"
#include "cc/core/statistics.h"

namespace tinyprop {

struct DecisionInput {
  Span<const int32_t> input_finite;  // [B], 0 where the sample's input holds NaN or infinity
  Span<const float> loss;            // [B]
  Span<const float> delta;           // [B * n], dLoss/dz at the output layer
  float bound = 0.0f;                // of the running maximum: Y where one prediction is entirely wrong; 0 for none
};

// D of one sample. relative_error: alpha_L.
float DecisionMetric(const Control& control, float relative_error);

// Decides for every sample of the batch. Writes gate [B] (SampleStatus) and row 0 of the statistics
// (zero on entry), and updates the running maximum with all finite samples, up to its bound, before any alpha is taken.
// Without training (Control::IsTraining) every gate is kInference, as is field 0 (status) of row 0, and
// nothing else is written.
void Decide(const Control& control, const DecisionInput& input, float* running_maximum,
            Span<int32_t> gate, Statistics statistics);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_DECISION_H_
