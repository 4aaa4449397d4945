// Selection of the k elements with the largest magnitude.
//
// Magnitudes are compared as the integers their bits form, which order exactly like the floats.
// A histogram of the exponents narrows the k-th largest magnitude down to one bin; its few members
// are ordered with quickselect in a fixed buffer on the stack. Average cost O(n); no heap, no scratch
// of the caller, at most 1.3 kB of stack whatever n.
#ifndef TINYPROP_CC_CORE_SELECTION_H_
#define TINYPROP_CC_CORE_SELECTION_H_

#include <cstdint>

#include "cc/core/span.h"

namespace tinyprop {

// Which elements are kept: every magnitude above `threshold_bits`, and of those equal to it the
// first `ties` in index order.
struct Selection {
  uint32_t threshold_bits = 0;
  int32_t ties = 0;
};

// Finds the selection of the k largest magnitudes.
// values: n finite elements, n >= 1, read only. k: 1 <= k <= n.
Selection FindTopK(Span<const float> values, int32_t k);

// Sets every element that `selection` does not keep to +0.
void KeepSelected(Selection selection, Span<float> values);

// FindTopK and KeepSelected in one call; k >= n leaves the values untouched, k <= 0 clears them.
void KeepTopK(int32_t k, Span<float> values);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SELECTION_H_
