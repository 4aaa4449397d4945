// Schedules over all lengths: no step before the end has a rate of 0, and each is the formula's.
#include "cc/runtime/learning_rate_schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "doctest/doctest.h"

namespace tinyprop {
namespace {

constexpr uint32_t kMax = std::numeric_limits<uint32_t>::max();
constexpr float kSmallest = std::numeric_limits<float>::min();
constexpr double kUlp = 1.0 / (1 << 23);

// In double precision; s is below total.
double Formula(const LearningRateSchedule& schedule, uint32_t s) {
  const double peak = schedule.peak, warmup = schedule.warmup_steps, total = schedule.total_steps;
  if (s < schedule.warmup_steps) return peak * (s + 1.0) / warmup;
  const double sine = std::sin(std::acos(-1.0) / 2 * (total - s) / (total + 1 - warmup));
  return schedule.final + (peak - schedule.final) * sine * sine;
}

// Warm-ups at and around every limit that a length has.
std::set<uint32_t> WarmupsOf(uint32_t total) {
  std::set<uint32_t> warmups = {0, 1, total / 40, total / 2, total - 1, total};
  return warmups;
}

// Steps from the beginning, around the end of the warm-up, and to the last one.
std::set<uint32_t> StepsOf(uint32_t warmup, uint32_t total) {
  std::set<uint32_t> steps;
  for (const uint32_t middle : {uint32_t{0}, warmup, warmup + (total - warmup) / 2, total}) {
    for (uint32_t d = 0; d < 4; ++d) {
      steps.insert(middle - std::min(middle, d));
      steps.insert(middle + std::min(kMax - middle, d));
    }
  }
  steps.erase(steps.lower_bound(total), steps.end());
  return steps;
}

// The number of steps whose rate is not above 0, above the peak, or farther than 8 ulps from the formula.
int Wrong(const LearningRateSchedule& schedule, const std::set<uint32_t>& steps) {
  int wrong = 0;
  for (const uint32_t s : steps) {
    const float rate = schedule.RateAt(s);
    const double expected = std::max<double>(kSmallest, Formula(schedule, s));
    const bool is_right = rate >= kSmallest && rate <= std::max(schedule.peak, schedule.final) * (1 + kUlp) &&
                          std::fabs(rate - expected) <= 8 * kUlp * expected;
    wrong += !is_right;
    if (!is_right && wrong == 1) MESSAGE("total " << schedule.total_steps << " step " << s << ": " << rate << ", not " << expected);
  }
  return wrong;
}

}  // namespace

TEST_CASE("every step of every length up to 20,000 trains") {
  int wrong = 0;
  for (uint32_t total = 1; total <= 20000; ++total) {
    for (const uint32_t warmup : WarmupsOf(total)) {
      for (const float final : {0.0f, 0.001f}) {
        wrong += Wrong(LearningRateSchedule::WarmupCosine(0.02f, warmup, total, final), StepsOf(warmup, total));
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("all steps of some lengths, falling") {
  for (const uint32_t total : {1u, 2u, 3u, 10u, 1000u, 5195u, 20000u}) {
    for (const uint32_t warmup : WarmupsOf(total)) {
      CAPTURE(total);
      CAPTURE(warmup);
      const auto schedule = LearningRateSchedule::WarmupCosine(1.0f, warmup, total);
      std::set<uint32_t> steps;
      for (uint32_t s = 0; s < total; ++s) steps.insert(steps.end(), s);
      CHECK(Wrong(schedule, steps) == 0);
      int rising = 0;
      for (uint32_t s = std::max(1u, warmup); s < total; ++s) {
        rising += schedule.RateAt(s) > schedule.RateAt(s - 1) * static_cast<float>(1 + 2 * kUlp);
      }
      CHECK(rising == 0);
      CHECK(schedule.RateAt(total) == 0.0f);
    }
  }
}

TEST_CASE("lengths around every power of two, and the largest") {
  for (int bits = 4; bits <= 32; ++bits) {
    const uint32_t power = bits == 32 ? 0 : 1u << bits;
    for (const uint32_t total : {power - 2, power - 1, power, power + 1}) {
      if (total < 2) continue;
      for (const uint32_t warmup : WarmupsOf(total)) {
        CAPTURE(total);
        CAPTURE(warmup);
        const auto schedule = LearningRateSchedule::WarmupCosine(0.5f, warmup, total, 0.0f);
        CHECK(schedule.IsValid());
        CHECK(Wrong(schedule, StepsOf(warmup, total)) == 0);
      }
    }
  }
}

TEST_CASE("a schedule that is over stays over, at the last count there is") {
  CHECK(LearningRateSchedule::WarmupCosine(0.5f, 0, 100, 0.01f).RateAt(kMax) == 0.01f);
  CHECK(LearningRateSchedule::WarmupCosine(0.5f, 7, kMax).RateAt(kMax) == 0.0f);
  CHECK(LearningRateSchedule::WarmupCosine(0.5f, kMax, 0).RateAt(kMax) == 0.5f);
  CHECK(LearningRateSchedule::WarmupCosine(0.5f, kMax, kMax).RateAt(kMax - 1) == 0.5f);
}

TEST_CASE("peaks at the ends of the range") {
  for (const float peak : {kSmallest, 1e-30f, 1e30f, std::numeric_limits<float>::max()}) {
    for (const uint32_t total : {3u, 5000u, kMax}) {
      CAPTURE(peak);
      CHECK(Wrong(LearningRateSchedule::WarmupCosine(peak, 2, total), StepsOf(2, total)) == 0);
    }
  }
  const auto none = LearningRateSchedule::WarmupCosine(0.0f, 2, 10);
  for (uint32_t s = 0; s < 12; ++s) CHECK(none.RateAt(s) == 0.0f);
  // From nothing up to the final rate.
  const auto rising = LearningRateSchedule::WarmupCosine(0.0f, 0, 10, 0.5f);
  for (uint32_t s = 1; s < 10; ++s) CHECK(rising.RateAt(s) > rising.RateAt(s - 1));
}

}  // namespace tinyprop
