// The settings of one training step, in the order of the control tensor.
#ifndef TINYPROP_CC_CORE_CONTROL_H_
#define TINYPROP_CC_CORE_CONTROL_H_

#include <cstdint>

#include "cc/core/float_bits.h"

namespace tinyprop {

// Elements of the control tensor (float32). SPEC.md documents the layout.
constexpr int32_t kControlSize = 8;

struct Control {
  float learning_rate;  // 0 = inference
  float s_min;          // error propagation rate at alpha = 0
  float s_max;          // error propagation rate at alpha = 1
  float zeta;           // damping per layer below the output
  float d_min;          // decision metric at alpha = 0
  float d_max;          // decision metric at alpha = 1
  float threshold;      // samples with a smaller decision metric are skipped
  float decay;          // of the running maximum, per step in which a sample counts

  bool IsTraining() const { return learning_rate > 0.0f && IsFinite(learning_rate); }
};

static_assert(sizeof(Control) == kControlSize * sizeof(float), "the control tensor is read as a Control");

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_CONTROL_H_
