// A resolver of the wheel in any state: one of another layout is refused and not touched; ops are added behind the others.
#include "cc/host/wheel_resolver.h"
#include "tests/fuzz/cc/fuzz.h"
#include "tflm_tinyprop/ops.h"

namespace tinyprop {
namespace {

constexpr size_t kBytes = 13700, kTable = 8, kLength = 11208, kBuiltins = 13616;
constexpr uint32_t kCapacity = 200;

api::Status DoNothing(api::Context*, api::Node*) { return api::kOk; }

uint32_t WordAt(const std::vector<uint8_t>& memory, size_t at) {
  uint32_t value;
  std::memcpy(&value, &memory[at], sizeof value);
  return value;
}

}  // namespace
}  // namespace tinyprop

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinyprop;
  FuzzedDataProvider input(data, size);
  static const char* const kNames[] = {nullptr, "", "SignalFft", "TinyPropInitialize"};
  std::vector<uint8_t> memory(kBytes, input.ConsumeIntegral<uint8_t>());
  const auto entries = input.ConsumeIntegralInRange<uint32_t>(0, kCapacity);
  uint32_t customs = 0;
  for (uint32_t i = 0; i < entries; ++i) {
    const auto kind = input.ConsumeIntegral<uint8_t>();
    api::Registration entry = {nullptr, nullptr, nullptr, DoNothing, nullptr, kind % 32, nullptr};
    if (kind >= 192) {
      entry.builtin_code = 32;
      entry.custom_name = kNames[kind == 255 ? 0 : 1 + kind % 3];
    }
    if (kind == 32) entry.invoke = nullptr;
    if (kind == 33) entry.builtin_code = input.ConsumeIntegral<int32_t>();
    if (entry.builtin_code == 32 && entry.custom_name == nullptr && kind != 255) entry.custom_name = kNames[1];
    customs += entry.builtin_code == 32;
    std::memcpy(&memory[kTable + i * sizeof entry], &entry, sizeof entry);
  }
  const uint32_t length = input.ConsumeBool() ? entries : input.ConsumeIntegral<uint32_t>();
  const uint32_t builtins = input.ConsumeBool() ? entries - customs : input.ConsumeIntegral<uint32_t>();
  std::memcpy(&memory[kLength], &length, sizeof length);
  std::memcpy(&memory[kBuiltins], &builtins, sizeof builtins);
  // Beyond the entries there is nothing that could be a name.
  if (length > entries && length <= kCapacity) return 0;
  const std::vector<uint8_t> before = memory;
  WheelResolver wheel(memory.data());
  const bool is_known = wheel.LayoutIsKnown();
  FUZZ_CHECK(memory == before);
  if (!is_known) return 0;
  FUZZ_CHECK(length <= entries && builtins > 0 && builtins <= length);
  const bool added = RegisterTinyPropOps(wheel) == api::kOk;
  const uint32_t now = WordAt(memory, kLength);
  FUZZ_CHECK(now >= length && now <= kCapacity && (!added || now == length + kTinyPropOpCount));
  FUZZ_CHECK(std::memcmp(memory.data(), before.data(), kTable + length * sizeof(api::Registration)) == 0);
  FUZZ_CHECK(std::memcmp(&memory[kLength + 4], &before[kLength + 4], kBytes - kLength - 4) == 0);
  return 0;
}
