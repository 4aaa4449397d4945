// Selection of the k elements with the largest magnitude.
//
// Magnitudes are compared as the integers their bits form, which order exactly like the floats.
// A histogram of the leading bits, 8 bins an octave, or 32 around an estimate if the values are many,
// narrows the k-th largest magnitude down to one bin; one pass then clears what lies below that bin and
// collects its few members, which are ordered by quickselect. Two passes over the values as a rule, and one more for every 5 to 6 further bits in which
// very many magnitudes agree. No heap, no scratch of the caller, less than 1 kB of stack whatever n.
#ifndef TINYPROP_CC_CORE_SELECTION_H_
#define TINYPROP_CC_CORE_SELECTION_H_

#include <cstdint>

#include "cc/core/span.h"

namespace tinyprop {

// Keeps the k elements with the largest magnitude, of equal ones those with the lowest index, and sets
// the others to +0. values: finite. k >= n leaves the values untouched, k <= 0 clears them.
void KeepTopK(int32_t k, Span<float> values);

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SELECTION_H_
