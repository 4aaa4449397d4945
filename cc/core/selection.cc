#include "cc/core/selection.h"

#include "cc/core/float_bits.h"

#if defined(__ARM_FEATURE_SAT)
#include <arm_acle.h>
#endif

namespace tinyprop {
namespace {

// Up to this many elements are ordered directly. It bounds the stack (4 bytes each).
constexpr int32_t kMaxCandidates = 64;

// Below this many elements ordering all of them costs less than a histogram.
constexpr int32_t kMinHistogramElements = 24;

constexpr int32_t kBins = 64;

// The first histogram has 8 bins an octave: it looks at the exponent and the 3 leading mantissa bits.
constexpr int32_t kFirstShift = 20;
constexpr int32_t kBinsPerOctave = 8;

// From this many elements on it has 32 bins an octave instead, around an estimate from samples.
constexpr int32_t kMinFineElements = 1500;
constexpr int32_t kFineShift = 18;
constexpr int32_t kSamples = 128;

// The magnitudes among which the k-th largest is known to be.
struct Range {
  uint32_t low, high;  // both included
  int32_t count;       // elements inside
  int32_t remaining;   // of these, how many belong to the k largest; 1 <= remaining <= count
};

// Bin of a magnitude: its bits above `shift`, counted from `first`, clamped to the bins that exist.
inline int32_t BinOf(uint32_t magnitude, int32_t shift, int32_t first) {
  int32_t bin = static_cast<int32_t>(magnitude >> shift) - first;
#if defined(__ARM_FEATURE_SAT)
  static_assert(kBins == 1 << 6, "one instruction clamps to a power of two");
  return static_cast<int32_t>(__usat(bin, 6));
#else
  bin = bin < kBins - 1 ? bin : kBins - 1;
  return bin > 0 ? bin : 0;
#endif
}

// The part of `range` that one bin covers and that holds the k-th largest magnitude.
Range Narrow(Range range, int32_t shift, int32_t first, const int32_t* histogram) {
  int32_t bin = kBins - 1;
  while (range.remaining > histogram[bin]) range.remaining -= histogram[bin--];
  range.count = histogram[bin];
  // The outermost bins also hold what lies beyond them.
  const uint32_t begin = static_cast<uint32_t>(first + bin) << shift;
  const uint32_t last = begin + ((1u << shift) - 1u);
  if (bin > 0 && begin > range.low) range.low = begin;
  if (bin < kBins - 1 && last < range.high) range.high = last;
  return range;
}

// Bins for all values: eight octaves that end half an octave above the largest of a few samples. It is
// a guess that costs little; where it is wrong an outermost bin is full and gets divided once more.
int32_t GuessFirstBin(Span<const float> values) {
  const int32_t stride = 8 + values.size / 32;
  uint32_t largest = 0;
  for (int32_t i = 0; i < values.size; i += stride) {
    const uint32_t magnitude = MagnitudeBits(values[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  const int32_t top = static_cast<int32_t>(largest >> kFirstShift) + kBinsPerOctave / 2;
  return top < kBins ? 0 : top - (kBins - 1);
}

// For many values narrower bins: two octaves in the middle of which the k-th largest of some hundred
// samples lies. A guess as above.
[[maybe_unused]] int32_t GuessFirstFineBin(Span<const float> values, int32_t k, int32_t first) {
  const int32_t stride = values.size / kSamples;
  int32_t histogram[kBins] = {};
  for (int32_t i = 0, s = 0; s < kSamples; ++s, i += stride) {
    ++histogram[BinOf(MagnitudeBits(values[i]), kFirstShift, first)];
  }
  int32_t above = k / stride;
  int32_t bin = kBins - 1;
  while (bin > 0 && above >= histogram[bin]) above -= histogram[bin--];
  const int32_t middle = ((first + bin) << (kFirstShift - kFineShift)) + (1 << (kFirstShift - kFineShift)) / 2;
  return middle < kBins / 2 ? 0 : middle - kBins / 2;
}

#if defined(__SSE2__) || defined(__ARM_NEON)
// Counts all values into the bins of the first histogram. The bins of a block are computed before they
// are counted, because only the former vectorises.
void CountAll(Span<const float> values, int32_t shift, int32_t first, int32_t* histogram) {
  constexpr int32_t kBlock = 64;
  int32_t bin[kBlock];
  const float* v = values.data;
  for (int32_t left = values.size; left > 0; left -= kBlock) {
    const int32_t n = left < kBlock ? left : kBlock;
    int32_t i = 0;
    for (; i + 4 <= n; i += 4) {
      const int32_t b0 = BinOf(MagnitudeBits(v[i]), shift, first);
      const int32_t b1 = BinOf(MagnitudeBits(v[i + 1]), shift, first);
      const int32_t b2 = BinOf(MagnitudeBits(v[i + 2]), shift, first);
      const int32_t b3 = BinOf(MagnitudeBits(v[i + 3]), shift, first);
      bin[i] = b0;
      bin[i + 1] = b1;
      bin[i + 2] = b2;
      bin[i + 3] = b3;
    }
    for (; i < n; ++i) bin[i] = BinOf(MagnitudeBits(v[i]), shift, first);
    for (i = 0; i + 4 <= n; i += 4) {
      ++histogram[static_cast<uint32_t>(bin[i])];
      ++histogram[static_cast<uint32_t>(bin[i + 1])];
      ++histogram[static_cast<uint32_t>(bin[i + 2])];
      ++histogram[static_cast<uint32_t>(bin[i + 3])];
    }
    for (; i < n; ++i) ++histogram[bin[i]];
    v += n;
  }
}
#else
// Counts all values into the bins of the first histogram.
void CountAll(Span<const float> values, int32_t shift, int32_t first, int32_t* histogram) {
  const float* v = values.begin();
#if !defined(__OPTIMIZE_SIZE__)
  for (; values.end() - v >= 4; v += 4) {
    ++histogram[BinOf(MagnitudeBits(v[0]), shift, first)];
    ++histogram[BinOf(MagnitudeBits(v[1]), shift, first)];
    ++histogram[BinOf(MagnitudeBits(v[2]), shift, first)];
    ++histogram[BinOf(MagnitudeBits(v[3]), shift, first)];
  }
#endif
  for (; v != values.end(); ++v) ++histogram[BinOf(MagnitudeBits(*v), shift, first)];
}
#endif

// Narrows the range down to few elements, or to one magnitude.
Range FindRange(Span<const float> values, int32_t k) {
  Range range = {0, 0x7fffffffu, values.size, k};
  if (values.size < kMinHistogramElements) return range;
  {
#if defined(__OPTIMIZE_SIZE__)
    constexpr bool fine = false;
#else
    const bool fine = values.size >= kMinFineElements;
#endif
    const int32_t shift = fine ? kFineShift : kFirstShift;
    int32_t first = GuessFirstBin(values);
    if (fine) first = GuessFirstFineBin(values, k, first);
    // Not earlier: the guess has a histogram of its own, and both can lie in the same part of the stack.
    int32_t histogram[kBins] = {};
    CountAll(values, shift, first, histogram);
    range = Narrow(range, shift, first, histogram);
  }
  while (range.count > kMaxCandidates && range.low < range.high) {
    // Bins that divide the range evenly.
    int32_t shift = 0;
    while (((range.high - range.low) >> shift) >= static_cast<uint32_t>(kBins)) ++shift;
    const int32_t first = static_cast<int32_t>(range.low >> shift);
    int32_t histogram[kBins] = {};
    for (float value : values) {
      const uint32_t magnitude = MagnitudeBits(value);
      if (magnitude < range.low || magnitude > range.high) continue;
      ++histogram[BinOf(magnitude, shift, first)];
    }
    range = Narrow(range, shift, first, histogram);
  }
  return range;
}

// Puts the positions of the k largest (k from 1) of n to the front, the k-th last among them, by Hoare's
// quickselect. Positions alone: the magnitudes beside them would double the memory.
void MoveLargestToFront(const float* values, int32_t* position, int32_t n, int32_t k) {
  const auto magnitude = [=](int32_t i) __attribute__((always_inline)) { return MagnitudeBits(values[position[i]]); };
  int32_t lo = 0;
  int32_t hi = n - 1;
  const int32_t target = k - 1;
  while (lo < hi) {
    const uint32_t pivot = magnitude((lo + hi) >> 1);
    int32_t i = lo;
    int32_t j = hi;
    do {
      while (magnitude(i) > pivot) ++i;
      while (magnitude(j) < pivot) --j;
      if (i > j) break;
      const int32_t swapped = position[i];
      position[i++] = position[j];
      position[j--] = swapped;
    } while (i <= j);
    if (target <= j) {
      hi = j;
    } else if (target >= i) {
      lo = i;
    } else {
      return;  // between the halves: equal to the pivot
    }
  }
}

// Clears what lies below `magnitude`, and all but the first `ties` of what equals it.
void KeepTies(uint32_t magnitude, int32_t ties, Span<float> values) {
  for (float& value : values) {
    const uint32_t m = MagnitudeBits(value);
    if (m < magnitude || (m == magnitude && ties-- <= 0)) value = 0.0f;
  }
}

// Of `count` candidates clears all but the `remaining` largest, of equal ones those that come first.
void KeepLargest(int32_t* position, int32_t count, int32_t remaining, Span<float> values) {
  MoveLargestToFront(values.data, position, count, remaining);
  const uint32_t kth = MagnitudeBits(values[position[remaining - 1]]);
  bool is_tied = false;
  for (int32_t c = remaining; c < count; ++c) is_tied |= MagnitudeBits(values[position[c]]) == kth;
  if (is_tied) {
    int32_t ties = 0;
    for (int32_t c = 0; c < remaining; ++c) ties += MagnitudeBits(values[position[c]]) == kth;
    return KeepTies(kth, ties, values);
  }
  for (int32_t c = remaining; c < count; ++c) values[position[c]] = 0.0f;
}

// Clears what lies below the range, and inside it all but the `remaining` largest.
void KeepFew(const Range& range, Span<float> values) {
  int32_t position[kMaxCandidates];
  const uint32_t low = range.low, high = range.high;
  int32_t count = 0;
  // A call an element, which is what -Os makes of it otherwise, would cost as much as the rest.
  const auto visit = [&](int32_t i) __attribute__((always_inline)) {
    const uint32_t m = MagnitudeBits(values[i]);
    if (m < low) {
      values[i] = 0.0f;
    } else if (m <= high) {
      position[count++] = i;
    }
  };
  int32_t i = 0;
#if !defined(__OPTIMIZE_SIZE__)
  for (; i + 4 <= values.size; i += 4) {
    visit(i);
    visit(i + 1);
    visit(i + 2);
    visit(i + 3);
  }
#endif
  for (; i < values.size; ++i) visit(i);
  if (range.remaining < range.count) KeepLargest(position, range.count, range.remaining, values);
}

}  // namespace

void KeepTopK(int32_t k, Span<float> values) {
  if (k >= values.size) return;
  if (k <= 0) {
    for (float& value : values) value = 0.0f;
    return;
  }
  const Range range = FindRange(values, k);
  if (range.count <= kMaxCandidates) {
    KeepFew(range, values);
  } else {
    KeepTies(range.low, range.remaining, values);
  }
}

}  // namespace tinyprop
