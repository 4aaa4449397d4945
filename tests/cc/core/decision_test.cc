#include "cc/core/decision.h"

#include <doctest/doctest.h>

#include "cc/core/sample_status.h"
#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

constexpr int32_t kSkipped = static_cast<int32_t>(SampleStatus::kSkipped);
constexpr int32_t kTrained = static_cast<int32_t>(SampleStatus::kTrained);
constexpr int32_t kNonFinite = static_cast<int32_t>(SampleStatus::kNonFinite);
constexpr int32_t kInference = static_cast<int32_t>(SampleStatus::kInference);

// A batch and the results of Decide, every buffer exactly as large as the interface says.
struct Batch {
  std::vector<int32_t> input_finite;
  std::vector<float> loss, delta;
  float running_maximum = 0.0f;
  float bound = 0.0f;
  std::vector<int32_t> gate;
  std::vector<float> statistics;

  void Decide(const Control& control) {
    gate.assign(loss.size(), -1);
    statistics.assign(loss.size() * kStatisticsFields, 0.0f);
    tinyprop::Decide(control, {SpanOf(input_finite), SpanOf(loss), SpanOf(delta), bound}, &running_maximum,
                     SpanOf(gate), {statistics.data(), static_cast<int32_t>(loss.size())});
  }
};

Control Thresholds(float d_min, float d_max, float threshold, float decay) {
  return {0.1f, 0.0f, 1.0f, 1.0f, d_min, d_max, threshold, decay};
}

TEST_CASE("the running maximum stays at its bound") {
  Batch b;
  b.input_finite = {1, 1};
  b.loss = {1.0f, 1.0f};
  b.delta = {0.5f, 0.25f, 0.0f, 0.03125f};
  b.bound = 0.5f;
  b.Decide(Thresholds(0.0f, 4.0f, 0.5f, 1.0f));
  // Y = 0.75 and 0.03125, of a bound of 0.5: alpha = 1 and 1 / 16, D = 4 and 0.25.
  CHECK(b.running_maximum == 0.5f);
  CHECK(b.gate == std::vector<int32_t>{kTrained, kSkipped});
  CHECK(b.statistics[1] == 4.0f);
  CHECK(b.statistics[kStatisticsFields + 1] == 0.25f);
  // Below it, it is a maximum like any other; without a finite sample nothing changes.
  b.running_maximum = 0.125f;
  b.delta = {0.25f, 0.0f, 0.0f, 0.0f};
  b.Decide(Thresholds(0.0f, 4.0f, 0.5f, 1.0f));
  CHECK(b.running_maximum == 0.25f);
  b.running_maximum = 2.0f;
  b.input_finite = {0, 0};
  b.Decide(Thresholds(0.0f, 4.0f, 0.5f, 1.0f));
  CHECK(b.running_maximum == 2.0f);
}

TEST_CASE("decisions equal the formula") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 300; ++repeat) {
    const int32_t batch = random.Int(1, 12), n = random.Int(1, 30);
    Batch b;
    b.delta = random.Sparse(batch * n, 0.2);
    b.running_maximum = random.Uniform(0.0f, 20.0f);
    for (int32_t i = 0; i < batch; ++i) {
      b.input_finite.push_back(!random.Chance(0.1));
      b.loss.push_back(random.Chance(0.1) ? kNan : 1.0f);
      if (random.Chance(0.1)) b.delta[i * n + random.Int(0, n - 1)] = kInfinity;
    }
    const Control control = Thresholds(random.Uniform(0.0f, 0.3f), random.Uniform(0.3f, 1.0f),
                                       random.Uniform(0.0f, 1.0f), random.Uniform(0.5f, 1.0f));

    std::vector<double> error(batch, 0.0);
    std::vector<bool> finite(batch);
    double maximum = -1.0;
    for (int32_t i = 0; i < batch; ++i) {
      for (int32_t j = 0; j < n; ++j) error[i] += std::fabs(b.delta[i * n + j]);
      finite[i] = b.input_finite[i] != 0 && std::isfinite(b.loss[i]) && std::isfinite(error[i]);
      if (finite[i] && error[i] > maximum) maximum = error[i];
    }
    const double decayed = static_cast<double>(control.decay) * b.running_maximum;
    maximum = maximum < 0.0 ? b.running_maximum : (maximum > decayed ? maximum : decayed);

    b.Decide(control);
    CHECK(IsClose(b.running_maximum, maximum, maximum, 8.0 + n));
    for (int32_t i = 0; i < batch; ++i) {
      const float* row = &b.statistics[i * kStatisticsFields];
      CHECK(row[0] == static_cast<float>(b.gate[i]));
      CHECK(row[3] == b.running_maximum);
      if (!finite[i]) {
        CHECK(b.gate[i] == kNonFinite);
        CHECK(row[1] == 0.0f);
        continue;
      }
      const double alpha = maximum > 0.0 ? error[i] / maximum : 0.0;
      const double metric = control.d_min + alpha * (control.d_max - control.d_min);
      CHECK(IsClose(row[1], metric, 1.0, 16.0 + n));
      CHECK(b.gate[i] == (row[1] < control.threshold ? kSkipped : kTrained));
    }
  }
}

TEST_CASE("a sample exactly at the threshold is trained") {
  Batch b;
  b.input_finite = {1, 1};
  b.loss = {1.0f, 1.0f};
  b.delta = {4.0f, 2.0f};
  b.Decide(Thresholds(0.0f, 1.0f, 0.5f, 1.0f));
  CHECK(b.statistics[kStatisticsFields + 1] == 0.5f);
  CHECK(b.gate == std::vector<int32_t>{kTrained, kTrained});
}

TEST_CASE("a finite sample without an error counts: the running maximum decays") {
  Batch b;
  b.input_finite = {1};
  b.loss = {0.0f};
  b.delta = {0.0f};
  b.running_maximum = 4.0f;
  b.Decide(Thresholds(0.0f, 1.0f, 0.5f, 0.5f));
  CHECK(b.running_maximum == 2.0f);
}

TEST_CASE("a running maximum that is not finite is that of the step from then on") {
  for (const float damaged : {kInfinity, -kInfinity, kNan}) {
    Batch b;
    b.input_finite = {1, 1};
    b.loss = {1.0f, 1.0f};
    b.delta = {0.5f, 2.0f};
    b.running_maximum = damaged;
    b.Decide(Thresholds(0.0f, 1.0f, 0.5f, 1.0f));
    CHECK(b.running_maximum == 2.0f);
    CHECK(b.gate == std::vector<int32_t>{kSkipped, kTrained});
  }
}

TEST_CASE("a step without a finite sample leaves the running maximum alone") {
  Batch b;
  b.input_finite = {0};
  b.loss = {1.0f};
  b.delta = {9.0f};
  b.running_maximum = 4.0f;
  b.Decide(Thresholds(0.0f, 1.0f, 0.5f, 0.5f));
  CHECK(b.running_maximum == 4.0f);
  CHECK(b.gate[0] == kNonFinite);
}

TEST_CASE("without a learning rate every sample is inference") {
  for (float learning_rate : {0.0f, -1.0f, kNan, kInfinity}) {
    Batch b;
    b.input_finite = {1, 0};
    b.loss = {1.0f, kNan};
    b.delta = {1.0f, 2.0f};
    b.running_maximum = 4.0f;
    Control control = Thresholds(0.0f, 1.0f, 0.5f, 0.5f);
    control.learning_rate = learning_rate;
    b.Decide(control);
    CHECK(b.gate == std::vector<int32_t>{kInference, kInference});
    CHECK(b.running_maximum == 4.0f);
    CHECK(b.statistics == std::vector<float>{3, 0, 0, 0, 3, 0, 0, 0});
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
