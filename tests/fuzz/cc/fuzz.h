// What all fuzz targets share: the input as a source of numbers, and a check that ends the run.
//
// A target is LLVMFuzzerTestOneInput in a file <name>_fuzz.cc. It derives all that it does from the input, so that an input that
// was kept does the same again.
#ifndef TINYPROP_TESTS_FUZZ_CC_FUZZ_H_
#define TINYPROP_TESTS_FUZZ_CC_FUZZ_H_

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cc/core/span.h"

// Ends the process, which the fuzzer takes for a finding.
#define FUZZ_CHECK(condition)                                              \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                        \
    }                                                                      \
  } while (false)

namespace tinyprop {
namespace fuzz {

// Bytes in memory that is exactly as large, so that AddressSanitizer sees the first one beyond.
inline std::vector<uint8_t> Exactly(const uint8_t* data, size_t size) { return std::vector<uint8_t>(data, data + size); }

// Small integers: sums of their products are exact in float32, in any order, so that results can be compared bit by bit.
inline std::vector<float> SmallIntegers(FuzzedDataProvider& input, int32_t count, double zeros) {
  std::vector<float> values(static_cast<size_t>(count));
  const auto limit = static_cast<uint8_t>(zeros * 255);
  for (float& value : values) {
    const auto byte = input.ConsumeIntegral<uint8_t>();
    value = byte < limit ? 0.0f : static_cast<float>(byte % 9 - 4);
  }
  return values;
}

}  // namespace fuzz
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_FUZZ_CC_FUZZ_H_
