// The sparse step that all layers with weights share: keep the k largest gradients of each sample.
#ifndef TINYPROP_CC_CORE_SPARSIFY_H_
#define TINYPROP_CC_CORE_SPARSIFY_H_

#include <cstdint>

#include "cc/core/activation.h"
#include "cc/core/control.h"
#include "cc/core/span.h"
#include "cc/core/statistics.h"

namespace tinyprop {

// What a layer's position in the network means for its sparsity.
struct LayerPosition {
  int32_t row = 1;           // row of the statistics tensor, l in 1..L
  int32_t layers_above = 0;  // L - l
  // The output layer's delta is the one the decision was taken on, so it uses that running maximum
  // (which has seen this step's samples) instead of keeping one of its own.
  bool shares_decision = false;
  // The delta was made sparse before, in the same step: samples whose gate has closed since are taken out of it, and what the
  // gradients of the others cost is added to the statistics.
  bool is_sparse = false;
  // Multiply-accumulates that one kept gradient costs in backward and update.
  int32_t macs_per_gradient = 0;
};

// What a layer with weights has at the beginning of its backward pass. B samples, n outputs each.
struct LayerTensors {
  Span<const float> input;   // [B * m], x; empty if no weights are updated
  Span<const float> output;  // [B * n], y; empty without a fused activation
  Span<float> delta;         // [B * n], dLoss/dy; becomes the sparse dLoss/dz
};

// Masks delta by the fused activation, then per sample finds Y, S and k and sets all but the k largest
// gradients to zero. A sample has its gate closed here if its local error is not finite, or if its change
// of a weight could be beyond the range of float32: its deltas and its inputs summed up, multiplied, times
// the learning rate. The running maximum takes in the samples that are trained, before any alpha is
// computed. Returns the number of samples that still take part. If there are some, the deltas of all
// others become zero; if there are none, delta is left as it is, since nothing reads it. The statistics of layer l are zero
// before, or what the call that made the delta sparse has left there.
int32_t SparsifyDelta(const Control& control, const LayerPosition& position, Activation activation,
                      const LayerTensors& tensors, Span<int32_t> gate, float* running_maximum,
                      Statistics statistics);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SPARSIFY_H_
