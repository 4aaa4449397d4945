#include "cc/core/sparsify.h"

#include "cc/core/adaptive_rate.h"
#include "cc/core/float_bits.h"
#include "cc/core/sample_status.h"
#include "cc/core/selection.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

bool IsOpen(int32_t gate) { return gate == static_cast<int32_t>(SampleStatus::kTrained); }

// True if this sample's change of every weight and bias is finite: the sums of the deltas' and the inputs'
// magnitudes bound it. It bounds the change only, not weight plus change. `input` is looked at only after
// unusually large errors: a finite input times a factor of at most 1 stays finite.
bool UpdateIsFinite(float learning_rate, float local_error, Span<const float> input) {
  const float factor = learning_rate * local_error;
  if (!IsFinite(factor)) return false;
  return factor <= 1.0f || IsFinite(factor * SumOfMagnitudes(input.size, input.data));
}

}  // namespace

int32_t SparsifyDelta(const Control& control, const LayerPosition& position, Activation activation,
                      const LayerTensors& tensors, Span<int32_t> gate, float* running_maximum,
                      Statistics statistics) {
  const int32_t batch = gate.size;
  const Span<float> delta = tensors.delta;
  const int32_t n = delta.size / batch;
  const int32_t m = tensors.input.size / batch;

  int32_t trained = 0;
  float largest = 0.0f;
  for (int32_t b = 0; b < batch; ++b) {
    if (!IsOpen(gate[b])) continue;
    ++trained;
    if (position.is_sparse) continue;
    const Span<float> sample = delta.subspan(b * n, n);
    if (activation != Activation::kNone) {
      ActivationGrad(activation, tensors.output.subspan(b * n, n), sample);
    }
    const float local_error = LocalError(sample);
    statistics.layer(position.row, b).local_error = local_error;
    if (!IsFinite(local_error) ||
        !UpdateIsFinite(control.learning_rate, local_error, tensors.input.subspan(b * m, m))) {
      gate[b] = static_cast<int32_t>(SampleStatus::kNonFinite);
      statistics.sample(b).status = static_cast<float>(gate[b]);
      --trained;
      continue;
    }
    if (local_error > largest) largest = local_error;
  }
  if (trained == 0) return 0;
  if (!position.shares_decision && !position.is_sparse) {
    *running_maximum = UpdateRunningMaximum(*running_maximum, largest, control.decay);
  }

  for (int32_t b = 0; b < batch; ++b) {
    const Span<float> sample = delta.subspan(b * n, n);
    if (!IsOpen(gate[b])) {
      KeepTopK(0, sample);
      continue;
    }
    LayerStatistics& row = statistics.layer(position.row, b);
    if (!position.is_sparse) {
      const float alpha = RelativeError(row.local_error, *running_maximum);
      row.rate = ErrorPropagationRate(control, alpha, position.layers_above);
      const int32_t k = GradientCount(row.rate, n, row.local_error);
      KeepTopK(k, sample);
      row.gradients_kept = static_cast<float>(k);
    }
    row.macs += row.gradients_kept * static_cast<float>(position.macs_per_gradient);
  }
  return trained;
}

}  // namespace tinyprop
