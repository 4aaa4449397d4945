// Random numbers that are the same on every machine: integers only, and conversions to float that are exact.
#ifndef TINYPROP_TESTS_FIRMWARE_RANDOM_H_
#define TINYPROP_TESTS_FIRMWARE_RANDOM_H_

#include <cstdint>

namespace tinyprop {

// xorshift32 (Marsaglia, "Xorshift RNGs").
class Random {
 public:
  explicit constexpr Random(uint32_t seed) : state_(seed * 2654435761u | 1u) {}

  uint32_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  // In [0, n).
  int32_t Below(int32_t n) { return static_cast<int32_t>((Next() >> 8) % static_cast<uint32_t>(n)); }
  // In [-1, 1), a multiple of 2^-15.
  float Uniform() { return static_cast<float>(static_cast<int32_t>(Next() >> 16) - 32768) / 32768.0f; }

 private:
  uint32_t state_;
};

}  // namespace tinyprop

#endif  // TINYPROP_TESTS_FIRMWARE_RANDOM_H_
