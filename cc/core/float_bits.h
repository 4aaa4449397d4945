// Bit-level properties of IEEE 754 binary32 values.
//
// They are read from the bits rather than computed, so that -ffast-math in a user's build cannot
// remove a finiteness check, and so that soft-float cores need no library call.
#ifndef TINYPROP_CC_CORE_FLOAT_BITS_H_
#define TINYPROP_CC_CORE_FLOAT_BITS_H_

#include <cstdint>
#include <cstring>

#include "cc/core/span.h"

namespace tinyprop {

inline uint32_t BitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// |value| as an unsigned integer: finite magnitudes compare like the floats themselves.
inline uint32_t MagnitudeBits(float value) { return BitsOf(value) & 0x7fffffffu; }

// False for NaN and for both infinities.
inline bool IsFinite(float value) { return MagnitudeBits(value) < 0x7f800000u; }

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_FLOAT_BITS_H_
