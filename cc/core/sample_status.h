// What a training step did with one sample of the batch.
#ifndef TINYPROP_CC_CORE_SAMPLE_STATUS_H_
#define TINYPROP_CC_CORE_SAMPLE_STATUS_H_

#include <cstdint>

#include "cc/core/span.h"

namespace tinyprop {

// The gate tensor holds one of these per sample; only kTrained lets gradients through. kNonFinite is found
// by the decision, and then changes nothing, or by a layer, whose own weights and those below it then stay
// as they are, while the layers above have been updated.
enum class SampleStatus : int32_t {
  kSkipped = 0,    // decision metric below the threshold: already known
  kTrained = 1,    // takes part in the backward pass
  kNonFinite = 2,  // input, loss or a local error is NaN or infinite, or an update could overflow
  kInference = 3,  // learning rate 0 (or not a positive finite number)
};

// False if no gate of the batch is open: nothing then remains to be done.
inline bool AnyTrained(Span<const int32_t> gate) {
  for (const int32_t status : gate) {
    if (status == static_cast<int32_t>(SampleStatus::kTrained)) return true;
  }
  return false;
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SAMPLE_STATUS_H_
