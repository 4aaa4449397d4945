// A view of a contiguous array: pointer and element count. C++17 has no std::span.
#ifndef TINYPROP_CC_CORE_SPAN_H_
#define TINYPROP_CC_CORE_SPAN_H_

#include <cstdint>

namespace tinyprop {

template <typename T>
struct Span {
  T* data = nullptr;
  int32_t size = 0;

  constexpr Span() = default;
  constexpr Span(T* d, int32_t n) : data(d), size(n) {}
  // A view of mutable data is also a view of const data.
  template <typename U>
  constexpr Span(const Span<U>& other)  // NOLINT: implicit like std::span
      : data(other.data), size(other.size) {}

  constexpr T& operator[](int32_t i) const { return data[i]; }
  constexpr T* begin() const { return data; }
  constexpr T* end() const { return data + size; }
  constexpr bool empty() const { return size == 0; }
  constexpr Span subspan(int32_t offset, int32_t count) const {
    return Span(data + offset, count);
  }
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_SPAN_H_
