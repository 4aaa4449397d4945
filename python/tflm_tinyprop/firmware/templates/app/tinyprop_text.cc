#include "tinyprop_text.h"

#include <cstdint>
#include <cstring>

namespace tinyprop_app {
namespace {

constexpr uint32_t kMillion = 1000000;
constexpr int kDecimals = 6;
// Above, the whole part does not fit 32 bits.
constexpr float kLargest = 4.0e9f;

char* AppendDigits(char* to, uint32_t value, int at_least) {
  char digits[10];
  int count = 0;
  while (value != 0 || count < at_least) {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  while (count > 0) *to++ = digits[--count];
  return to;
}

}  // namespace

Decimal::Decimal(float value) {
  if (value != value) {
    std::memcpy(text, "nan", 4);
    return;
  }
  char* to = text;
  if (value < 0.0f) {
    *to++ = '-';
    value = -value;
  }
  if (value >= kLargest) {
    std::memcpy(to, "large", 6);
    return;
  }
  uint32_t whole = static_cast<uint32_t>(value);
  uint32_t fraction = static_cast<uint32_t>((value - static_cast<float>(whole)) * kMillion + 0.5f);
  if (fraction >= kMillion) {
    fraction -= kMillion;
    ++whole;
  }
  to = AppendDigits(to, whole, 1);
  *to++ = '.';
  to = AppendDigits(to, fraction, kDecimals);
  *to = '\0';
}

}  // namespace tinyprop_app
