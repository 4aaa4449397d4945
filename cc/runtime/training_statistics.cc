#include "cc/runtime/training_statistics.h"

namespace tinyprop {
namespace {

constexpr uint32_t kMostSamples = 0xffffffffu;

// Processors convert 32 bits; for 64 a function of the compiler's library takes up to some hundred instructions.
float ToFloat(uint64_t count) {
  return count >> 32 == 0 ? static_cast<float>(static_cast<uint32_t>(count)) : static_cast<float>(count);
}

void Add(uint64_t value, uint64_t* sum) { *sum = value > ~*sum ? ~uint64_t{0} : *sum + value; }

// Takes the count-th value into the mean, which is high + low: a float alone loses what is below half of its last digit,
// which after some million values is nearly all that they add.
void AddToMean(float value, uint32_t count, float* high, float* low) {
  const float change = (value - *high - *low) / static_cast<float>(count) + *low;
  // Through memory, so that no build's -ffast-math makes 0 of what the rounding has taken.
  const volatile float sum = *high + change;
  const volatile float added = sum - *high;
  const volatile float rounded = sum - added;
  *low = (*high - rounded) + (change - added);
  *high = sum;
}

}  // namespace

float Ratio(uint64_t part, uint64_t whole) { return whole == 0 ? 0.0f : ToFloat(part) / ToFloat(whole); }

float TrainingStatistics::skip_rate() const { return Ratio(skipped, samples); }

float TrainingStatistics::backward_effort() const { return Ratio(backward_macs, full_backward_macs); }

float TrainingStatistics::step_effort() const {
  uint64_t done = forward_macs, full = forward_macs;
  Add(backward_macs, &done);
  Add(full_backward_macs, &full);
  return Ratio(done, full);
}

void TrainingStatistics::AddStep() { steps += samples != kMostSamples; }

void TrainingStatistics::AddSample(SampleStatus status, float sample_loss, const SampleMacs& macs) {
  if (samples == kMostSamples) return;
  ++samples;
  trained += status == SampleStatus::kTrained;
  skipped += status == SampleStatus::kSkipped;
  non_finite += status == SampleStatus::kNonFinite;
  if (status == SampleStatus::kTrained || status == SampleStatus::kSkipped) {
    AddToMean(sample_loss, trained + skipped, &loss, &loss_rest);
  }
  Add(macs.backward, &backward_macs);
  Add(macs.full_backward, &full_backward_macs);
  Add(macs.forward, &forward_macs);
}

}  // namespace tinyprop
