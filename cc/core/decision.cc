#include "cc/core/decision.h"

#include "cc/core/adaptive_rate.h"
#include "cc/core/float_bits.h"
#include "cc/core/sample_status.h"

namespace tinyprop {

float DecisionMetric(const Control& control, float relative_error) {
  return control.d_min + relative_error * (control.d_max - control.d_min);
}

void Decide(const Control& control, const DecisionInput& input, float* running_maximum,
            Span<int32_t> gate, Statistics statistics) {
  const int32_t batch = gate.size;
  if (!control.IsTraining()) {
    for (int32_t b = 0; b < batch; ++b) {
      gate[b] = static_cast<int32_t>(SampleStatus::kInference);
      statistics.sample(b).status = static_cast<float>(gate[b]);
    }
    return;
  }

  const int32_t n = input.delta.size / batch;
  float largest = -1.0f;  // stays negative while no sample is finite
  for (int32_t b = 0; b < batch; ++b) {
    const float local_error = LocalError(input.delta.subspan(b * n, n));
    const bool finite =
        input.input_finite[b] != 0 && IsFinite(input.loss[b]) && IsFinite(local_error);
    gate[b] = static_cast<int32_t>(finite ? SampleStatus::kTrained : SampleStatus::kNonFinite);
    statistics.sample(b).local_error = local_error;
    if (finite && local_error > largest) largest = local_error;
  }
  if (largest >= 0.0f) {
    *running_maximum = UpdateRunningMaximum(*running_maximum, largest, control.decay);
    if (input.bound > 0.0f && *running_maximum > input.bound) *running_maximum = input.bound;
  }

  for (int32_t b = 0; b < batch; ++b) {
    SampleStatistics& sample = statistics.sample(b);
    sample.running_maximum = *running_maximum;
    if (gate[b] == static_cast<int32_t>(SampleStatus::kTrained)) {
      sample.decision = DecisionMetric(control, RelativeError(sample.local_error, *running_maximum));
      if (sample.decision < control.threshold) gate[b] = static_cast<int32_t>(SampleStatus::kSkipped);
    }
    sample.status = static_cast<float>(gate[b]);
  }
}

}  // namespace tinyprop
