#include "cc/core/selection.h"

#include <cstring>

#include "cc/core/float_bits.h"

namespace tinyprop {
namespace {

// Up to this many magnitudes are ordered directly. It bounds the stack (4 bytes each).
constexpr int32_t kMaxCandidates = 192;

// A histogram pass sorts magnitudes into bins by 8 of their bits.
constexpr int32_t kBins = 256;

// The k-th largest (k from 1) of n magnitudes, by Hoare's quickselect with a median-of-three pivot.
// Reorders `m`. Sets *ties to how many of the equal values belong to the k largest.
uint32_t KthLargest(uint32_t* m, int32_t n, int32_t k, int32_t* ties) {
  int32_t lo = 0;
  int32_t hi = n - 1;
  const int32_t target = k - 1;  // position in descending order
  while (lo < hi) {
    const uint32_t a = m[lo], b = m[(lo + hi) >> 1], c = m[hi];
    const uint32_t pivot = a < b ? (b < c ? b : (a < c ? c : a)) : (a < c ? a : (b < c ? c : b));
    int32_t i = lo;
    int32_t j = hi;
    do {
      while (m[i] > pivot) ++i;
      while (m[j] < pivot) --j;
      if (i > j) break;
      const uint32_t swapped = m[i];
      m[i++] = m[j];
      m[j--] = swapped;
    } while (i <= j);
    if (target <= j) {
      hi = j;
    } else if (target >= i) {
      lo = i;
    } else {
      break;  // between the halves: m[target] == pivot
    }
  }
  const uint32_t kth = m[target];
  // Everything left of `target` is >= kth and everything right of it <= kth.
  int32_t equal = 1;
  for (int32_t i = 0; i < target; ++i) equal += m[i] == kth;
  *ties = equal;
  return kth;
}

// The bin that holds the k-th largest magnitude, and how many of the k lie in or below it.
struct Bin {
  uint32_t index;
  int32_t count;      // members of the bin
  int32_t remaining;  // k less the members of all higher bins; 1 <= remaining <= count
};

Bin FindBin(const int32_t* histogram, int32_t k) {
  int32_t remaining = k;
  int32_t bin = kBins - 1;
  while (remaining > histogram[bin]) remaining -= histogram[bin--];
  return {static_cast<uint32_t>(bin), histogram[bin], remaining};
}

// Copies the magnitudes whose bits above `shift` equal `prefix`; at most `capacity` exist.
int32_t GatherBin(Span<const float> values, int32_t shift, uint32_t prefix, uint32_t* out) {
  int32_t count = 0;
  for (int32_t i = 0; i < values.size; ++i) {
    const uint32_t magnitude = MagnitudeBits(values[i]);
    if ((magnitude >> shift) == prefix) out[count++] = magnitude;
  }
  return count;
}

}  // namespace

Selection FindTopK(Span<const float> values, int32_t k) {
  // One buffer serves both uses, which never overlap in time.
  union {
    int32_t histogram[kBins];
    uint32_t candidates[kMaxCandidates];
  } stack;
  Selection selection;

  if (values.size <= kMaxCandidates / 6) {
    for (int32_t i = 0; i < values.size; ++i) stack.candidates[i] = MagnitudeBits(values[i]);
    selection.threshold_bits = KthLargest(stack.candidates, values.size, k, &selection.ties);
    return selection;
  }

  // First level: the 8 exponent bits. Every further level refines by the next 8 (at last 7) bits;
  // it is only reached when more than kMaxCandidates magnitudes share the prefix.
  int32_t shift = 23;
  uint32_t prefix = 0;
  int32_t remaining = k;
  for (;;) {
    std::memset(stack.histogram, 0, sizeof stack.histogram);
    if (shift == 23) {
      for (int32_t i = 0; i < values.size; ++i) ++stack.histogram[MagnitudeBits(values[i]) >> 23];
    } else {
      const int32_t bits = shift == 0 ? 7 : 8;
      const uint32_t mask = (1u << bits) - 1u;
      for (int32_t i = 0; i < values.size; ++i) {
        const uint32_t magnitude = MagnitudeBits(values[i]);
        if ((magnitude >> (shift + bits)) == prefix) ++stack.histogram[(magnitude >> shift) & mask];
      }
      prefix <<= bits;
    }
    const Bin bin = FindBin(stack.histogram, remaining);
    prefix |= bin.index;
    remaining = bin.remaining;
    if (bin.count <= kMaxCandidates) break;
    if (shift == 0) {  // more equal magnitudes than candidates fit: the prefix is the magnitude
      selection.threshold_bits = prefix;
      selection.ties = remaining;
      return selection;
    }
    shift = shift == 7 ? 0 : shift - 8;
  }
  const int32_t count = GatherBin(values, shift, prefix, stack.candidates);
  selection.threshold_bits = KthLargest(stack.candidates, count, remaining, &selection.ties);
  return selection;
}

void KeepSelected(Selection selection, Span<float> values) {
  int32_t ties = selection.ties;
  for (int32_t i = 0; i < values.size; ++i) {
    const uint32_t magnitude = MagnitudeBits(values[i]);
    if (magnitude > selection.threshold_bits) continue;
    if (magnitude == selection.threshold_bits && ties > 0) {
      --ties;
    } else {
      values[i] = 0.0f;
    }
  }
}

void KeepTopK(int32_t k, Span<float> values) {
  if (k >= values.size) return;
  if (k <= 0) {
    for (float& value : values) value = 0.0f;
    return;
  }
  KeepSelected(FindTopK(values, k), values);
}

}  // namespace tinyprop
