// Selection against sorting: the k largest magnitudes stay, of equal ones the first, all else is +0.
#include <algorithm>
#include <numeric>

#include "cc/core/float_bits.h"
#include "cc/core/selection.h"
#include "tests/fuzz/cc/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinyprop;
  FuzzedDataProvider input(data, size);
  const auto k = input.ConsumeIntegralInRange<int32_t>(-1, 700);
  const size_t repeat = input.ConsumeIntegral<uint8_t>() < 8 ? input.ConsumeIntegralInRange<size_t>(1, 40) : 1;
  const auto mask = input.ConsumeIntegral<uint32_t>() | 0x80000000u;  // few different bits make many ties
  std::vector<float> values;
  while (input.remaining_bytes() >= 4) {
    const auto bits = input.ConsumeIntegral<uint32_t>() & mask;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    values.push_back(IsFinite(value) ? value : 1.0f);
  }
  // The fuzzer's inputs are short, and large maps are selected from otherwise.
  const size_t once = values.size();
  for (size_t r = 1; r < repeat; ++r) {
    for (size_t i = 0; i < once; ++i) values.push_back(values[i] * (1.0f + 1e-3f * static_cast<float>(r % 7)));
  }
  for (float& value : values) value = IsFinite(value) ? value : -1.0f;
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return MagnitudeBits(values[a]) > MagnitudeBits(values[b]); });
  std::vector<float> expected(values.size(), 0.0f);
  for (size_t i = 0; i < order.size() && static_cast<int32_t>(i) < k; ++i) expected[order[i]] = values[order[i]];
  KeepTopK(k, {values.data(), static_cast<int32_t>(values.size())});
  FUZZ_CHECK(values.empty() || std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)) == 0);
  return 0;
}
