// Walks over the selected elements of a sparse delta.
#ifndef TINYPROP_CC_CORE_NEXT_SELECTED_H_
#define TINYPROP_CC_CORE_NEXT_SELECTED_H_

#include <cstdint>

#include "cc/core/float_bits.h"

namespace tinyprop {

// The first i in [from, n) with delta[i * stride] != 0, or n. Zeros are skipped four at a time.
inline int32_t NextSelected(const float* delta, int32_t stride, int32_t from, int32_t n) {
  int32_t i = from;
  const float* d = delta + i * stride;
  if (i < n && MagnitudeBits(*d) != 0) return i;
  for (; i + 4 <= n; i += 4, d += 4 * stride) {
    const uint32_t any =
        BitsOf(d[0]) | BitsOf(d[stride]) | BitsOf(d[2 * stride]) | BitsOf(d[3 * stride]);
    if ((any & 0x7fffffffu) != 0) break;
  }
  for (; i < n && MagnitudeBits(*d) == 0; d += stride) ++i;
  return i;
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_NEXT_SELECTED_H_
