// How state of the model's own ops begins anew: as TFLM's Reset leaves it, every byte of a tensor the same.
#ifndef TINYPROP_CC_CORE_RESET_STATE_H_
#define TINYPROP_CC_CORE_RESET_STATE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tinyprop {

// state := `bytes` times the lowest 8 bits of value.
inline void ResetState(void* state, int32_t bytes, int32_t value) {
  std::memset(state, value & 0xff, static_cast<size_t>(bytes));
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_RESET_STATE_H_
