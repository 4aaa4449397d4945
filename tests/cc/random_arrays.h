// Random test data. The seed changes from run to run; a failing check shows it, and the environment
// variable TINYPROP_TEST_SEED repeats it.
#ifndef TINYPROP_TESTS_CC_RANDOM_ARRAYS_H_
#define TINYPROP_TESTS_CC_RANDOM_ARRAYS_H_

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cc/core/span.h"

namespace tinyprop {
namespace testing {

inline const float kInfinity = std::numeric_limits<float>::infinity();
inline const float kNan = std::numeric_limits<float>::quiet_NaN();

class Random {
 public:
  Random() : Random(Seed()) {}
  explicit Random(uint32_t seed) : seed_(seed), generator_(seed) {}

  // For INFO: how to repeat the test.
  std::string Repeat() const { return "TINYPROP_TEST_SEED=" + std::to_string(seed_); }

  // In [low, high].
  int32_t Int(int32_t low, int32_t high) {
    return std::uniform_int_distribution<int32_t>(low, high)(generator_);
  }
  float Uniform(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(generator_);
  }
  bool Chance(double probability) { return std::bernoulli_distribution(probability)(generator_); }

  // Exactly as large as asked for, so that AddressSanitizer sees the first element beyond.
  std::vector<float> Normal(int32_t n) {
    std::normal_distribution<float> distribution;
    std::vector<float> values(static_cast<size_t>(n));
    for (float& value : values) value = distribution(generator_);
    return values;
  }

  // Normal values of which each is zero with the given probability.
  std::vector<float> Sparse(int32_t n, double zeros) {
    std::vector<float> values = Normal(n);
    for (float& value : values) value = Chance(zeros) ? 0.0f : value;
    return values;
  }

 private:
  static uint32_t Seed() {
    const char* given = std::getenv("TINYPROP_TEST_SEED");
    return given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10))
                            : std::random_device()();
  }

  uint32_t seed_;
  std::mt19937 generator_;
};

// The view of a whole vector; null for an empty one.
template <typename T>
Span<T> SpanOf(std::vector<T>& values) {
  return {values.empty() ? nullptr : values.data(), static_cast<int32_t>(values.size())};
}
template <typename T>
Span<const T> SpanOf(const std::vector<T>& values) {
  return {values.empty() ? nullptr : values.data(), static_cast<int32_t>(values.size())};
}

// True if `actual` is `expected` up to the rounding of `operations` float operations on values of that
// magnitude.
inline bool IsClose(float actual, double expected, double magnitude, double operations) {
  return std::fabs(actual - expected) <= operations * std::ldexp(1.0, -24) * magnitude + 1e-44;
}

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_RANDOM_ARRAYS_H_
