// Layout of the statistics tensor: float32 [1 + layers, batch, 4], written anew by every step.
//
//   row 0       {status, D, Y, Y_max}      per sample: SampleStatus, decision metric, local error at
//                                          the output, running maximum after the step
//   row l >= 1  {Y, S, k, macs}            per layer and sample: local error, error propagation rate,
//                                          gradients kept, multiply-accumulates of backward and update
#ifndef TINYPROP_CC_CORE_STATISTICS_H_
#define TINYPROP_CC_CORE_STATISTICS_H_

#include <cstdint>

namespace tinyprop {

constexpr int32_t kStatisticsFields = 4;

struct Statistics {
  float* data = nullptr;
  int32_t batch = 0;

  float* at(int32_t row, int32_t sample) const {
    return data + (row * batch + sample) * kStatisticsFields;
  }
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_STATISTICS_H_
