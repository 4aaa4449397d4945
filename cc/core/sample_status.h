// The gate tensor: a SampleStatus per sample. Only kTrained lets gradients through. kNonFinite is found by the decision, and
// then changes nothing, or by a layer, whose own weights and those below it then stay as they are, while the layers above
// have been updated.
#ifndef TINYPROP_CC_CORE_SAMPLE_STATUS_H_
#define TINYPROP_CC_CORE_SAMPLE_STATUS_H_

#include <cstdint>

#include "cc/core/span.h"
#include "cc/core/wire_format.h"

namespace tinyprop {

// False if no gate of the batch is open: nothing then remains to be done.
inline bool AnyTrained(Span<const int32_t> gate) {
  for (const int32_t status : gate) {
    if (status == static_cast<int32_t>(SampleStatus::kTrained)) return true;
  }
  return false;
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SAMPLE_STATUS_H_
