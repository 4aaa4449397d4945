#include "cc/runtime/training_statistics.h"

#include <cmath>
#include <limits>

#include "doctest/doctest.h"
#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace {

constexpr uint32_t kMost = std::numeric_limits<uint32_t>::max();
constexpr TrainingStatistics::SampleMacs kMacs = {100, 13, 26};

void Train(TrainingStatistics* sums, float loss) {
  sums->AddStep();
  sums->AddSample(SampleStatus::kTrained, loss, kMacs);
}

}  // namespace

TEST_CASE("the mean of many losses is exact to a float") {
  testing::Random random;
  INFO(random.Repeat());
  TrainingStatistics sums;
  double sum = 0.0;
  // Mostly small ones, some large: in a float sum the small ones are soon lost, in a float mean the changes are.
  for (uint32_t n = 1; n <= 3000000; ++n) {
    const float loss = random.Chance(0.001) ? 8.0f : random.Uniform(0.0f, 0.002f);
    Train(&sums, loss);
    sum += loss;
    if (n == 1000 || n == 100000 || n == 3000000) CHECK(sums.loss == doctest::Approx(sum / n).epsilon(2e-7));
  }
}

TEST_CASE("equal losses have their own value as mean") {
  TrainingStatistics sums;
  for (uint32_t n = 1; n <= 300000; ++n) Train(&sums, 0.1f);
  CHECK(sums.loss == 0.1f);
}

TEST_CASE("the mean of a long training still moves") {
  TrainingStatistics sums;
  sums.samples = sums.trained = 1000000000;
  sums.loss = 1.0f;
  for (int n = 0; n < 1000000; ++n) Train(&sums, 3.0f);
  CHECK(sums.loss == doctest::Approx(1.0 + 2.0 * 1e6 / 1.001e9).epsilon(1e-7));
}

TEST_CASE("losses near the largest float have a mean") {
  TrainingStatistics sums;
  for (int n = 0; n < 5; ++n) Train(&sums, 3e38f);
  CHECK(sums.loss == doctest::Approx(3e38));
  CHECK(std::isfinite(sums.loss_rest));
}

TEST_CASE("counts stop together at the last sample there is a number for") {
  TrainingStatistics sums;
  sums.steps = sums.samples = kMost - 1;
  sums.trained = kMost - 10;
  sums.skipped = 5;
  sums.non_finite = 4;
  sums.loss = 0.5f;
  sums.AddStep();
  sums.AddSample(SampleStatus::kSkipped, 0.5f, kMacs);
  CHECK(sums.steps == kMost);
  CHECK(sums.skipped == 6);
  const float loss = sums.loss, effort = sums.backward_effort();
  for (const SampleStatus status : {SampleStatus::kTrained, SampleStatus::kSkipped, SampleStatus::kNonFinite}) {
    sums.AddStep();
    sums.AddSample(status, 100.0f, kMacs);
  }
  CHECK(sums.steps == kMost);
  CHECK(sums.samples == kMost);
  CHECK(sums.trained == kMost - 10);
  CHECK(sums.skipped == 6);
  CHECK(sums.non_finite == 4);
  CHECK(sums.loss == loss);
  CHECK(sums.backward_effort() == effort);
}

TEST_CASE("multiply-accumulates stop at the largest number") {
  TrainingStatistics sums;
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  sums.forward_macs = most - 50;
  sums.full_backward_macs = most - 26;
  Train(&sums, 1.0f);
  CHECK(sums.forward_macs == most);
  CHECK(sums.full_backward_macs == most);
  CHECK(sums.backward_macs == 13);
  CHECK(sums.step_effort() == 1.0f);
}

}  // namespace tinyprop
