// The settings of one training step.
#ifndef TINYPROP_CC_CORE_CONTROL_H_
#define TINYPROP_CC_CORE_CONTROL_H_

#include <cstdint>

#include "cc/core/float_bits.h"
#include "cc/core/wire_format.h"

namespace tinyprop {

// The control tensor as it lies in memory.
struct Control : ControlFields {
  bool IsTraining() const { return learning_rate > 0.0f && IsFinite(learning_rate); }
  // Whether all settings but the learning rate are valid (config.py): in SetConfig, in Init, and in Python's TinyPropConfig.
  bool IsValid() const;
  // What a sample's gradient is multiplied by: samples that are skipped count in the divisor.
  float StepSize(int32_t batch) const { return learning_rate / static_cast<float>(batch); }
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_CONTROL_H_
