#include "cc/host/wheel_resolver.h"

#include <doctest/doctest.h>

#include <cstring>

#include "tests/cc/random_arrays.h"
#include "tflm_tinyprop/ops.h"

extern "C" bool TinyPropRegisterOps(void* resolver);

namespace tinyprop {
namespace testing {
namespace {

using Memory = std::vector<unsigned char>;

constexpr size_t kResolverBytes = 13700;
constexpr size_t kTableOffset = 8;
constexpr size_t kLengthOffset = 11208;
constexpr size_t kBuiltinCountOffset = 13616;
constexpr uint32_t kCapacity = 200;
constexpr int32_t kFullyConnected = 9;
constexpr int32_t kCustom = 32;

api::Status DoNothing(api::Context*, api::Node*) { return api::kOk; }

// What a resolver of the wheel holds in memory: first the builtin ops, then the custom ones.
class FakeResolver {
 public:
  FakeResolver(uint32_t builtins, uint32_t customs) : memory_(kResolverBytes, 0x5a) {
    for (uint32_t i = 0; i < builtins; ++i) SetEntry(i, kFullyConnected, nullptr);
    for (uint32_t i = 0; i < customs; ++i) SetEntry(builtins + i, kCustom, "SignalFft");
    SetWord(kLengthOffset, builtins + customs);
    SetWord(kBuiltinCountOffset, builtins);
  }

  void SetEntry(uint32_t index, int32_t builtin_code, const char* name) {
    const api::Registration entry = {nullptr, nullptr, nullptr, DoNothing, nullptr, builtin_code, name};
    std::memcpy(&memory_[EntryOffset(index)], &entry, sizeof entry);
  }
  void ClearInvoke(uint32_t index) {
    std::memset(&memory_[EntryOffset(index) + offsetof(api::Registration, invoke)], 0, sizeof(void*));
  }
  void SetWord(size_t offset, uint32_t value) { std::memcpy(&memory_[offset], &value, sizeof value); }

  uint32_t length() const {
    uint32_t value;
    std::memcpy(&value, &memory_[kLengthOffset], sizeof value);
    return value;
  }
  api::Registration entry(uint32_t index) const {
    api::Registration entry;
    std::memcpy(&entry, &memory_[EntryOffset(index)], sizeof entry);
    return entry;
  }
  Memory& memory() { return memory_; }
  WheelResolver wheel() { return WheelResolver(memory_.data()); }

 private:
  static size_t EntryOffset(uint32_t index) {
    return kTableOffset + index * sizeof(api::Registration);
  }

  Memory memory_;
};

// Neither the check nor the registerer accepts the memory, and no byte of it changes.
void CheckRefused(Memory memory) {
  const Memory before = memory;
  CHECK_FALSE(WheelResolver(memory.data()).LayoutIsKnown());
  CHECK_FALSE(TinyPropRegisterOps(memory.data()));
  CHECK(memory == before);
}

TEST_CASE("ops are added behind the existing ones and nothing else is touched") {
  FakeResolver fake(90, 3);
  const Memory before = fake.memory();
  REQUIRE(fake.wheel().LayoutIsKnown());
  REQUIRE(TinyPropRegisterOps(fake.memory().data()));

  CHECK(fake.length() == 93 + kTinyPropOpCount);
  CHECK(std::strcmp(fake.entry(93).custom_name, kInitializeName) == 0);
  for (uint32_t i = 93; i < fake.length(); ++i) {
    CHECK(fake.entry(i).builtin_code == kCustom);
    CHECK((fake.entry(i).invoke != nullptr));
    CHECK((fake.entry(i).prepare != nullptr));
  }
  CHECK(fake.wheel().LayoutIsKnown());

  // Undoing the length and the new slots gives the memory as it was.
  Memory after = fake.memory();
  const size_t first = kTableOffset + 93 * sizeof(api::Registration);
  const size_t added = kTinyPropOpCount * sizeof(api::Registration);
  std::memcpy(&after[first], &before[first], added);
  std::memcpy(&after[kLengthOffset], &before[kLengthOffset], sizeof(uint32_t));
  CHECK(after == before);
}

TEST_CASE("a second registration is refused and changes nothing") {
  FakeResolver fake(5, 0);
  REQUIRE(TinyPropRegisterOps(fake.memory().data()));
  const Memory before = fake.memory();
  CHECK_FALSE(TinyPropRegisterOps(fake.memory().data()));
  CHECK(fake.memory() == before);
}

TEST_CASE("names are compared as texts") {
  FakeResolver fake(5, 1);
  WheelResolver wheel = fake.wheel();
  const std::string taken = "SignalFft", other = "SignalFf";
  CHECK(wheel.AddCustom(taken.c_str(), &RegisterDecision()) == api::kError);
  CHECK(fake.length() == 6);
  CHECK(wheel.AddCustom(other.c_str(), &RegisterDecision()) == api::kOk);
}

TEST_CASE("a full table takes nothing") {
  FakeResolver fake(kCapacity, 0);
  const Memory before = fake.memory();
  REQUIRE(fake.wheel().LayoutIsKnown());
  WheelResolver wheel = fake.wheel();
  CHECK(wheel.AddCustom("Another", &RegisterDecision()) == api::kError);
  CHECK_FALSE(TinyPropRegisterOps(fake.memory().data()));
  CHECK(fake.memory() == before);
}

TEST_CASE("the last slot can be used") {
  FakeResolver fake(kCapacity - 1, 0);
  WheelResolver wheel = fake.wheel();
  CHECK(wheel.AddCustom("Last", &RegisterDecision()) == api::kOk);
  CHECK(fake.length() == kCapacity);
  CHECK(wheel.LayoutIsKnown());
  CHECK(wheel.AddCustom("One more", &RegisterDecision()) == api::kError);
}

TEST_CASE("memory that is no such resolver is refused") {
  Random random;
  INFO(random.Repeat());
  CHECK_FALSE(WheelResolver(nullptr).LayoutIsKnown());
  CHECK_FALSE(TinyPropRegisterOps(nullptr));
  CheckRefused(Memory(kResolverBytes, 0));
  CheckRefused(Memory(kResolverBytes, 0xff));
  for (int repeat = 0; repeat < 20; ++repeat) {
    FakeResolver fake(0, 0);
    for (unsigned char& byte : fake.memory()) byte = static_cast<unsigned char>(random.Int(0, 255));
    CheckRefused(fake.memory());
    // The same with counters that look right.
    fake.SetWord(kLengthOffset, 100);
    fake.SetWord(kBuiltinCountOffset, 90);
    CheckRefused(fake.memory());
  }
}

TEST_CASE("counters that do not agree with the table are refused") {
  for (uint32_t length : {0u, 79u, 91u, kCapacity + 1, 0xffffffffu}) {
    FakeResolver fake(80, 10);
    fake.SetWord(kLengthOffset, length);
    CheckRefused(fake.memory());
  }
  for (uint32_t builtins : {0u, 79u, 81u, 90u, 0xffffffffu}) {
    FakeResolver fake(80, 10);
    fake.SetWord(kBuiltinCountOffset, builtins);
    CheckRefused(fake.memory());
  }
  CheckRefused(FakeResolver(0, 10).memory());
  // Even if the memory behind the table looks like one more entry.
  CheckRefused(FakeResolver(kCapacity + 1, 0).memory());
}

TEST_CASE("entries that cannot be registrations are refused") {
  for (uint32_t index : {0u, 40u, 89u}) {
    for (int32_t code : {-1, 1001, INT32_MIN, INT32_MAX}) {
      FakeResolver fake(80, 10);
      fake.SetEntry(index, code, nullptr);
      CheckRefused(fake.memory());
    }
    FakeResolver nameless(80, 10);
    nameless.SetEntry(index, kCustom, nullptr);
    CheckRefused(nameless.memory());
    FakeResolver idle(80, 10);
    idle.ClearInvoke(index);
    CheckRefused(idle.memory());
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
