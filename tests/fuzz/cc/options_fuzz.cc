// Custom options of every op: any bytes are parsed or refused, and what is parsed is known.
#include "cc/tflm/op_options.h"
#include "tests/fuzz/cc/fuzz.h"

namespace tinyprop {
namespace {

template <typename Options>
void Try(const std::vector<uint8_t>& bytes) {
  constexpr size_t kBytes = Options::kBytes[sizeof Options::kBytes / sizeof *Options::kBytes - 1];  // 0: an empty struct
  Options options;
  const Options defaults = options;
  const auto* const text = reinterpret_cast<const char*>(bytes.data());
  const OptionsError error = Parse(text, bytes.size(), &options);
  if (error != OptionsError::kNone) {
    // Only a value that is unknown has been copied.
    FUZZ_CHECK(error == OptionsError::kUnknownValue || kBytes == 0 || std::memcmp(&options, &defaults, sizeof options) == 0);
    return;
  }
  FUZZ_CHECK(IsKnown(options));
  uint16_t header[2];
  std::memcpy(header, bytes.data(), sizeof header);
  FUZZ_CHECK(header[0] >= 1 && header[1] == bytes.size());
  // The fields that the version has are those of the file, the others have their defaults.
  const size_t known = Options::kBytes[header[0] - 1];
  FUZZ_CHECK(known + sizeof header <= bytes.size());
  FUZZ_CHECK(std::memcmp(&options, bytes.data() + sizeof header, known) == 0);
  FUZZ_CHECK(std::memcmp(reinterpret_cast<const char*>(&options) + known,
                         reinterpret_cast<const char*>(&defaults) + known, kBytes - known) == 0);
}

}  // namespace
}  // namespace tinyprop

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinyprop;
  if (size < 1) return 0;
  std::vector<uint8_t> bytes = fuzz::Exactly(data + 1, size - 1);
  // A header that fits is hard to find by chance.
  if ((data[0] & 1) != 0 && bytes.size() >= 4) {
    const auto length = static_cast<uint16_t>(bytes.size());
    bytes[0] = static_cast<uint8_t>(1 + (data[0] >> 6 & 1));
    bytes[1] = 0;
    std::memcpy(&bytes[2], &length, sizeof length);
  }
  switch (data[0] >> 1 & 31) {
    case 0: Try<InitializeOptions>(bytes); break;
    case 1: Try<LossOptions>(bytes); break;
    case 2: Try<DecisionOptions>(bytes); break;
    case 3: Try<LayerGradOptions>(bytes); break;
    case 4: Try<ConvGradOptions>(bytes); break;
    case 5: Try<PoolGradOptions>(bytes); break;
    case 6: Try<ActivationGradOptions>(bytes); break;
    case 7: Try<SoftmaxGradOptions>(bytes); break;
    case 8: Try<ReduceGradOptions>(bytes); break;
    case 9: Try<ScatterAddOptions>(bytes); break;
    case 10: Try<WindowOptions>(bytes); break;
    case 11: Try<ResetStateOptions>(bytes); break;
    default: break;
  }
  return 0;
}
