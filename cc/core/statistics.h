// The statistics tensor: float32 [1 + layers, batch, 4], written anew by every step. Row 0 has a SampleStatistics per sample,
// row l >= 1 a LayerStatistics per sample.
#ifndef TINYPROP_CC_CORE_STATISTICS_H_
#define TINYPROP_CC_CORE_STATISTICS_H_

#include <cstdint>

#include "cc/core/wire_format.h"

namespace tinyprop {

struct Statistics {
  float* data = nullptr;
  int32_t batch = 0;

  SampleStatistics& sample(int32_t b) const { return *reinterpret_cast<SampleStatistics*>(at(0, b)); }
  LayerStatistics& layer(int32_t l, int32_t b) const { return *reinterpret_cast<LayerStatistics*>(at(l, b)); }

 private:
  float* at(int32_t row, int32_t b) const { return data + (row * batch + b) * kStatisticsFields; }
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_STATISTICS_H_
