#include "cc/core/sparsify.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "cc/core/adaptive_rate.h"
#include "cc/core/sample_status.h"
#include "cc/core/selection.h"
#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

constexpr int32_t kTrained = static_cast<int32_t>(SampleStatus::kTrained);
constexpr int32_t kNonFinite = static_cast<int32_t>(SampleStatus::kNonFinite);

TEST_CASE("a delta that is sparse already keeps the samples that are still open, and their cost is added") {
  std::vector<float> delta = {1.0f, 0.0f, -2.0f, 3.0f, 0.0f, 4.0f}, statistics(2 * 3 * kStatisticsFields);
  std::vector<int32_t> gate = {kTrained, kNonFinite, kTrained};
  const Statistics view = {statistics.data(), 3};
  for (int32_t b = 0; b < 3; ++b) view.layer(1, b) = {5.0f, 0.5f, 1.0f + static_cast<float>(b), 100.0f};
  LayerPosition position;
  position.macs_per_gradient = 10;
  position.is_sparse = true;
  float maximum = 1.0f;
  const auto keep = [&](std::vector<int32_t>* gates) {
    return SparsifyDelta(Control(), position, Activation::kNone, {{}, {}, SpanOf(delta)}, {gates->data(), 3}, &maximum, view);
  };
  CHECK(keep(&gate) == 2);
  CHECK(delta == std::vector<float>{1.0f, 0.0f, 0.0f, 0.0f, 0.0f, 4.0f});
  const float macs[] = {110.0f, 100.0f, 130.0f};
  for (int32_t b = 0; b < 3; ++b) {
    CHECK(view.layer(1, b).macs == macs[b]);
    CHECK(view.layer(1, b).local_error == 5.0f);
  }
  std::vector<int32_t> closed(3, kNonFinite);
  CHECK(keep(&closed) == 0);
  CHECK(maximum == 1.0f);
}

TEST_CASE("each sample keeps its own k, batches and layers apart") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 400; ++repeat) {
    const int32_t batch = random.Int(1, 6), n = random.Int(1, 200), layers = random.Int(1, 4);
    LayerPosition position;
    position.row = random.Int(1, layers);
    position.layers_above = layers - position.row;
    position.shares_decision = position.layers_above == 0;
    position.macs_per_gradient = 10;
    const auto activation = static_cast<Activation>(random.Int(0, 3));
    const Control control = {0.1f, random.Uniform(0.0f, 0.5f), random.Uniform(0.5f, 1.0f),
                             0.75f, 0.0f, 1.0f, 0.5f, 0.9f};
    std::vector<float> output;
    if (activation != Activation::kNone) output = random.Normal(batch * n);
    const std::vector<float> before = random.Sparse(batch * n, 0.2);
    std::vector<float> delta = before, statistics((1 + layers) * batch * kStatisticsFields);
    std::vector<int32_t> gate(batch);
    for (int32_t& g : gate) g = random.Int(0, 3);
    const float old_maximum = random.Uniform(0.0f, static_cast<float>(n));
    float maximum = old_maximum;

    const Statistics view = {statistics.data(), batch};
    const int32_t trained =
        SparsifyDelta(control, position, activation, {{}, SpanOf(output), SpanOf(delta)},
                      SpanOf(gate), &maximum, view);
    REQUIRE(trained == std::count(gate.begin(), gate.end(), kTrained));
    if (trained == 0) {
      CHECK(maximum == old_maximum);
      continue;
    }

    float largest = 0.0f;
    std::vector<float> masked = before;
    ActivationGrad(activation, SpanOf(output), SpanOf(masked));
    for (int32_t b = 0; b < batch; ++b) {
      if (gate[b] != kTrained) continue;
      largest = std::max(largest, LocalError(SpanOf(masked).subspan(b * n, n)));
    }
    const float expected_maximum = position.shares_decision
                                       ? old_maximum
                                       : UpdateRunningMaximum(old_maximum, largest, control.decay);
    CHECK(maximum == expected_maximum);

    for (int32_t b = 0; b < batch; ++b) {
      const Span<float> sample = SpanOf(masked).subspan(b * n, n);
      const LayerStatistics& row = view.layer(position.row, b);
      int32_t k = 0;
      if (gate[b] == kTrained) {
        const float error = LocalError(sample);
        const float alpha = RelativeError(error, expected_maximum);
        const float rate = ErrorPropagationRate(control, alpha, position.layers_above);
        k = GradientCount(rate, n, error);
        CHECK(row.local_error == error);
        CHECK(row.rate == rate);
        CHECK(row.gradients_kept == static_cast<float>(k));
        CHECK(row.macs == static_cast<float>(10 * k));
      } else {
        CHECK(row.local_error + row.rate + row.gradients_kept + row.macs == 0.0f);
      }
      KeepTopK(k, sample);
      CHECK(std::equal(sample.begin(), sample.end(), delta.begin() + b * n));
    }
    // Rows of other layers belong to other ops.
    for (int32_t row = 0; row <= layers; ++row) {
      if (row == position.row) continue;
      const float* fields = &view.layer(row, 0).local_error;
      CHECK(std::all_of(fields, fields + batch * kStatisticsFields, [](float v) { return v == 0.0f; }));
    }
  }
}

TEST_CASE("a layer's running maximum that is not finite is that of the step from then on") {
  const Control control = {0.1f, 0.0f, 1.0f, 1.0f, 0.0f, 1.0f, 0.5f, 0.9f};
  for (const float damaged : {kInfinity, -kInfinity, kNan}) {
    std::vector<float> delta = {3.0f, -1.0f, 0.5f, 0.5f}, statistics(2 * kStatisticsFields * 2);
    std::vector<int32_t> gate = {kTrained, kTrained};
    float maximum = damaged;
    LayerPosition position;
    position.row = 1;
    position.layers_above = 1;
    SparsifyDelta(control, position, Activation::kNone, {{}, {}, SpanOf(delta)}, SpanOf(gate), &maximum,
                  {statistics.data(), 2});
    CHECK(maximum == 4.0f);
    CHECK(delta == std::vector<float>{3.0f, -1.0f, 0.5f, 0.0f});  // alpha 1 and 0.25 of 2 gradients
  }
}

TEST_CASE("a delta that is not finite closes its gate and no other") {
  for (float bad : {kNan, kInfinity, -kInfinity}) {
    std::vector<float> delta = {1.0f, 2.0f, bad, 0.0f}, statistics(2 * 2 * kStatisticsFields);
    std::vector<int32_t> gate = {kTrained, kTrained};
    float maximum = 0.0f;
    const Statistics view = {statistics.data(), 2};
    const Control full = {0.1f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 0.0f, 1.0f};
    CHECK(SparsifyDelta(full, {}, Activation::kNone, {{}, {}, SpanOf(delta)}, SpanOf(gate), &maximum,
                        view) == 1);
    CHECK(gate == std::vector<int32_t>{kTrained, kNonFinite});
    CHECK(delta == std::vector<float>{1.0f, 2.0f, 0.0f, 0.0f});
    CHECK(maximum == 3.0f);
    CHECK(view.sample(1).status == static_cast<float>(kNonFinite));
  }
}

// Two samples of one gradient and two inputs each; the statuses after a step with learning rate 0.5.
std::vector<int32_t> GatesAfter(std::vector<float> delta, std::vector<float> input) {
  std::vector<float> statistics(2 * 2 * kStatisticsFields);
  std::vector<int32_t> gate = {kTrained, kTrained};
  float maximum = 0.0f;
  const Control full = {0.5f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 0.0f, 1.0f};
  SparsifyDelta(full, {}, Activation::kNone, {SpanOf(input), {}, SpanOf(delta)}, SpanOf(gate), &maximum,
                {statistics.data(), 2});
  return gate;
}

TEST_CASE("a step that could leave the range of float32 closes the gate of its own sample") {
  const float huge = 3e38f;
  // Rate times error is 1: no product with a single input overflows, though the sum of the inputs does.
  CHECK(GatesAfter({2.0f, 1.0f}, {huge, huge, 1.0f, 1.0f}) == std::vector<int32_t>{kTrained, kTrained});
  // A little more than 1: 1.5 times 3e38 is beyond the range.
  CHECK(GatesAfter({3.0f, 1.0f}, {huge, 0.0f, 1.0f, 1.0f}) == std::vector<int32_t>{kNonFinite, kTrained});
  CHECK(GatesAfter({3.0f, 3.0f}, {1.0f, 1.0f, 0.0f, huge}) == std::vector<int32_t>{kTrained, kNonFinite});
  CHECK(GatesAfter({3.0f, 3.0f}, {1.0f, 1.0f, 1.0f, 1.0f}) == std::vector<int32_t>{kTrained, kTrained});
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
