#include "cc/host/wheel_resolver.h"

#include <cstring>

namespace tinyprop {
namespace {

constexpr uint32_t kCapacity = 200;
constexpr size_t kRegistrationsOffset = 8;
constexpr size_t kLengthOffset = 11208;
constexpr size_t kBuiltinCountOffset = 13616;
constexpr int32_t kBuiltinCodeCustom = 32;
constexpr int32_t kMaxBuiltinCode = 1000;  // generous: the schema has about 210

static_assert(kRegistrationsOffset + kCapacity * sizeof(api::Registration) == kLengthOffset,
              "the table ends where its length is stored");

uint32_t ReadU32(const unsigned char* address) {
  uint32_t value;
  std::memcpy(&value, address, sizeof value);
  return value;
}

}  // namespace

uint32_t WheelResolver::Length() const { return ReadU32(base_ + kLengthOffset); }

const api::Registration& WheelResolver::Entry(uint32_t index) const {
  return *reinterpret_cast<const api::Registration*>(base_ + kRegistrationsOffset +
                                                     index * sizeof(api::Registration));
}

bool WheelResolver::LayoutIsKnown() const {
  if (base_ == nullptr) return false;
  const uint32_t length = Length();
  const uint32_t builtins = ReadU32(base_ + kBuiltinCountOffset);
  // The wheel registers its builtin ops first, so an empty table means a different layout.
  if (length == 0 || length > kCapacity || builtins == 0 || builtins > length) return false;
  uint32_t customs = 0;
  for (uint32_t i = 0; i < length; ++i) {
    const api::Registration& entry = Entry(i);
    if (entry.invoke == nullptr) return false;
    if (entry.builtin_code < 0 || entry.builtin_code > kMaxBuiltinCode) return false;
    if (entry.builtin_code == kBuiltinCodeCustom) {
      if (entry.custom_name == nullptr) return false;
      ++customs;
    }
  }
  return customs + builtins == length;
}

api::Status WheelResolver::AddCustom(const char* name, const api::Registration* registration) {
  const uint32_t length = Length();
  if (length >= kCapacity) return api::kError;
  for (uint32_t i = 0; i < length; ++i) {
    const api::Registration& entry = Entry(i);
    if (entry.builtin_code == kBuiltinCodeCustom && std::strcmp(entry.custom_name, name) == 0) {
      return api::kError;
    }
  }
  api::Registration added = *registration;
  added.builtin_code = kBuiltinCodeCustom;
  added.custom_name = name;
  std::memcpy(base_ + kRegistrationsOffset + length * sizeof added, &added, sizeof added);
  const uint32_t new_length = length + 1;
  std::memcpy(base_ + kLengthOffset, &new_length, sizeof new_length);
  return api::kOk;
}

}  // namespace tinyprop
