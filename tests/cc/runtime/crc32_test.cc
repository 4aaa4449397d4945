#include "cc/runtime/crc32.h"

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "doctest/doctest.h"

namespace tinyprop {
namespace {

uint32_t CrcOf(const char* text) { return Crc32(0, text, static_cast<uint32_t>(std::strlen(text))); }

// The definition, a bit at a time.
uint32_t BitwiseCrc(const std::vector<uint8_t>& bytes) {
  uint32_t crc = 0xffffffffu;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

}  // namespace

TEST_CASE("known values") {
  CHECK(CrcOf("") == 0);
  CHECK(CrcOf("a") == 0xe8b7be43);
  CHECK(CrcOf("123456789") == 0xcbf43926);
  CHECK(CrcOf("The quick brown fox jumps over the lazy dog") == 0x414fa339);
}

TEST_CASE("the table gives what the polynomial does, in any parts") {
  std::mt19937 random;
  for (int size = 0; size < 300; ++size) {
    std::vector<uint8_t> bytes(static_cast<size_t>(size));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    const uint32_t whole = Crc32(0, bytes.data(), static_cast<uint32_t>(size));
    CHECK(whole == BitwiseCrc(bytes));
    const uint32_t split = static_cast<uint32_t>(random()) % static_cast<uint32_t>(size + 1);
    const uint32_t first = Crc32(0, bytes.data(), split);
    CHECK(Crc32(first, bytes.data() + split, static_cast<uint32_t>(size) - split) == whole);
  }
}

}  // namespace tinyprop
