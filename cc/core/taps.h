// The part of a filter or pooling window that meets the map it slides over, along one axis.
#ifndef TINYPROP_CC_CORE_TAPS_H_
#define TINYPROP_CC_CORE_TAPS_H_

#include <cstdint>

namespace tinyprop {

// The taps that lie inside the map: `count` of them from tap `first`, which reads the map at `position`.
struct ClippedTaps {
  int32_t first, count, position;
};

// origin: where tap 0 would read, output index times stride minus padding. size: of the map's axis.
inline ClippedTaps ClipTaps(int32_t origin, int32_t taps, int32_t dilation, int32_t size) {
  const int32_t last = origin + (taps - 1) * dilation;
  if (origin >= 0 && last < size) return {0, taps, origin};  // as a rule
  ClippedTaps range = {0, 0, origin};
  while (range.first < taps && range.position < 0) {
    ++range.first;
    range.position += dilation;
  }
  int32_t position = range.position;
  while (range.first + range.count < taps && position < size) {
    ++range.count;
    position += dilation;
  }
  return range;
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_TAPS_H_
