// What the steps of a training were, added up.
#ifndef TINYPROP_CC_RUNTIME_TRAINING_STATISTICS_H_
#define TINYPROP_CC_RUNTIME_TRAINING_STATISTICS_H_

#include <cstdint>

#include "cc/core/sample_status.h"

namespace tinyprop {

// part / whole of counts; 0 if the whole is.
float Ratio(uint64_t part, uint64_t whole);

// Sums over all steps since Init or ResetStatistics. Nothing is added after 2^32 - 1 samples, so that the ratios and the mean
// stay what they were then.
struct TrainingStatistics {
  uint32_t steps = 0;
  uint32_t samples = 0;  // trained + skipped + non_finite, and those of steps with learning rate 0
  uint32_t trained = 0;
  uint32_t skipped = 0;
  uint32_t non_finite = 0;
  float loss = 0.0f;                // mean over the samples that were trained or skipped
  float loss_rest = 0.0f;           // what `loss` lacks of the mean, since it is rounded
  uint64_t backward_macs = 0;       // multiply-accumulates of backward pass and update
  uint64_t full_backward_macs = 0;  // those of full backpropagation of the same samples
  uint64_t forward_macs = 0;

  // Takes in a step, then each of its samples. macs: multiply-accumulates of a sample.
  struct SampleMacs {
    uint64_t forward, backward, full_backward;
  };
  void AddStep();
  void AddSample(SampleStatus status, float sample_loss, const SampleMacs& macs);

  // Ratios in [0, 1]; 0 before the first step.
  float skip_rate() const;
  float backward_effort() const;
  float step_effort() const;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_TRAINING_STATISTICS_H_
