#include "cc/core/begin_step.h"

#include "cc/core/vector_ops.h"

namespace tinyprop {

void BeginStep(Span<float> statistics, Span<int32_t> finite) {
  Clear(statistics.size, statistics.data);
  for (int32_t& flag : finite) flag = 1;
}

void MarkNonFinite(Span<const float> input, Span<int32_t> finite) {
  const int32_t n = input.size / finite.size;
  const bool is_shared = n * finite.size != input.size;
  Span<const float> part = {input.data, is_shared ? input.size : n};
  for (int32_t& flag : finite) {
    if (!AllFinite(part)) flag = 0;
    if (!is_shared) part.data += n;
  }
}

}  // namespace tinyprop
