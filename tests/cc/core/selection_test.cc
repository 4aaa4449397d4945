#include "cc/core/selection.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

// What a stable sort by magnitude keeps.
std::vector<float> Expected(const std::vector<float>& values, int32_t k) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::fabs(values[a]) > std::fabs(values[b]);
  });
  std::vector<float> kept(values.size(), 0.0f);
  for (size_t i = 0; i < values.size() && static_cast<int32_t>(i) < k; ++i) {
    kept[order[i]] = values[order[i]];
  }
  return kept;
}

void Check(const std::vector<float>& values, int32_t k) {
  CAPTURE(values.size());
  CAPTURE(k);
  std::vector<float> actual = values;
  KeepTopK(k, SpanOf(actual));
  const std::vector<float> expected = Expected(values, k);
  CHECK(std::memcmp(actual.data(), expected.data(), sizeof(float) * values.size()) == 0);
}

float AnyFinite(Random& random) {
  const uint32_t bits = static_cast<uint32_t>(random.Int(INT32_MIN, INT32_MAX));
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return std::isfinite(value) ? value : -0.0f;
}

// Distributions that stress different parts: ties, zeros, one bin, all exponents, denormals.
float Draw(Random& random, int kind) {
  switch (kind) {
    case 0:
      return random.Uniform(-1.0f, 1.0f);
    case 1:
      return static_cast<float>(random.Int(-3, 3)) * 0.25f;
    case 2:
      return random.Chance(0.8) ? 0.0f : random.Uniform(-1.0f, 1.0f);
    case 3:
      return random.Chance(0.5) ? 0.5f : -0.5f;
    case 4:
      return AnyFinite(random);
    case 5:
      return 1.0f + static_cast<float>(random.Int(0, 300)) * std::ldexp(1.0f, -23);
    case 6:
      return static_cast<float>(random.Int(-20, 20)) * std::numeric_limits<float>::denorm_min();
    default:
      return std::exp(random.Uniform(-80.0f, 80.0f));
  }
}

TEST_CASE("keeps what a stable sort would") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 4000; ++repeat) {
    const int kind = repeat % 8;
    CAPTURE(kind);
    std::vector<float> values(random.Int(1, repeat % 10 == 0 ? 3000 : 150));
    for (float& value : values) value = Draw(random, kind);
    Check(values, random.Int(-1, static_cast<int32_t>(values.size()) + 1));
  }
}

TEST_CASE("every k of every small size") {
  Random random;
  INFO(random.Repeat());
  for (int32_t n = 1; n <= 40; ++n) {
    for (int kind = 0; kind < 8; ++kind) {
      std::vector<float> values(n);
      for (float& value : values) value = Draw(random, kind);
      for (int32_t k = 0; k <= n + 1; ++k) Check(values, k);
    }
  }
}

// Most values fall into one bin of the first histogram. Those below it are none of the second one's candidates, nor is
// what fills its outermost bins.
TEST_CASE("a range that is divided once more counts what lies inside alone") {
  for (int32_t inside = 65; inside <= 400; ++inside) {
    for (const int32_t outside : {1, 10, 30}) {
      std::vector<float> values(outside, 1e-20f);
      for (int32_t i = 0; i < inside; ++i) values.push_back(1.0f + 0.124f * static_cast<float>(i) / 400.0f);
      for (int32_t i = 0; i < outside; ++i) values.push_back(1.2f);
      for (const int32_t k : {outside + 1, outside + inside / 2, outside + inside - 2, outside + inside - 1}) {
        Check(values, k);
      }
    }
  }
}

TEST_CASE("as many candidates as are ordered directly, and one more") {
  for (const int32_t candidates : {63, 64, 65}) {
    std::vector<float> values(candidates, 0.0f);
    for (int32_t i = 0; i < candidates; ++i) values[i] = std::ldexp(1.0f + static_cast<float>(i) / 128.0f, 10);
    values.insert(values.begin(), 40, 1e-20f);
    for (int32_t k = 1; k <= candidates; ++k) Check(values, k);
  }
}

TEST_CASE("all kept leaves the values untouched, NaN included") {
  std::vector<float> values = {kNan, -0.0f, kInfinity};
  KeepTopK(3, SpanOf(values));
  CHECK(std::isnan(values[0]));
  CHECK(std::signbit(values[1]));
  CHECK(values[2] == kInfinity);
}

TEST_CASE("values that are not finite are out of contract but stay in bounds") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 300; ++repeat) {
    std::vector<float> values = random.Normal(random.Int(1, 500));
    for (float& value : values) {
      if (random.Chance(0.5)) value = random.Chance(0.5) ? kNan : -kInfinity;
    }
    const int32_t n = static_cast<int32_t>(values.size());
    const int32_t k = random.Int(1, n);
    KeepTopK(k, SpanOf(values));
    CHECK(std::count_if(values.begin(), values.end(), [](float v) { return !(v == 0.0f); }) <= k);
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
