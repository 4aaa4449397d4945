// How a training step begins: statistics cleared, samples with inputs that are not finite marked, and in the first step the
// exported weights copied.
#ifndef TINYPROP_CC_CORE_BEGIN_STEP_H_
#define TINYPROP_CC_CORE_BEGIN_STEP_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cc/core/span.h"

namespace tinyprop {

// Clears the statistics, and sets finite[b] = 1 for all samples.
void BeginStep(Span<float> statistics, Span<int32_t> finite);

// Sets finite[b] = 0 for the samples of a model input that hold NaN or infinity. Sample b is the b-th of as many equal parts
// as there are samples; an input that cannot be divided so belongs to all of them.
void MarkNonFinite(Span<const float> input, Span<int32_t> finite);

// variable := initial, of as many elements.
inline void CopyInitialValues(const float* initial, Span<float> variable) {
  std::memcpy(variable.data, initial, sizeof(float) * static_cast<size_t>(variable.size));
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_BEGIN_STEP_H_
