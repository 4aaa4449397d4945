#include "cc/core/softmax_cross_entropy.h"

#include <doctest/doctest.h>

#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

// Checks loss and delta for a label distribution against the formula in double.
void CheckSample(const std::vector<float>& logits, const std::vector<float>& label, float loss,
                 const std::vector<float>& delta) {
  double largest = logits[0], sum = 0.0, mass = 0.0, expected_loss = 0.0;
  for (float z : logits) largest = z > largest ? z : largest;
  for (float z : logits) sum += std::exp(z - largest);
  for (float t : label) mass += t;
  const double operations = 10.0 + 2.0 * logits.size();
  for (size_t c = 0; c < logits.size(); ++c) {
    const double log_p = logits[c] - largest - std::log(sum);
    expected_loss -= label[c] * log_p;
    CHECK(IsClose(delta[c], std::exp(log_p) * mass - label[c], mass, operations));
  }
  CHECK(IsClose(loss, expected_loss, mass + expected_loss, operations));
}

TEST_CASE("loss and gradient equal the formula") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 500; ++repeat) {
    const int32_t classes = random.Int(1, 60);
    std::vector<float> logits = random.Normal(classes);
    const float scale = std::pow(10.0f, random.Uniform(-2.0f, 3.0f));
    for (float& z : logits) z *= scale;
    std::vector<float> delta(classes, kNan), label(classes);

    for (float& t : label) t = random.Uniform(0.0f, 1.0f);
    float loss = SoftmaxCrossEntropyDense(SpanOf(logits), SpanOf(label), 0.0f, SpanOf(delta));
    CheckSample(logits, label, loss, delta);

    const int32_t index = random.Int(0, classes - 1);
    label.assign(classes, 0.0f);
    label[index] = 1.0f;
    loss = SoftmaxCrossEntropySparse(SpanOf(logits), index, 0.0f, SpanOf(delta));
    CheckSample(logits, label, loss, delta);
  }
}

TEST_CASE("a smoothed label is a mixture with the uniform one") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 300; ++repeat) {
    const int32_t classes = random.Int(2, 30), index = random.Int(0, classes - 1);
    const float smoothing = repeat % 10 == 0 ? 1.0f : random.Uniform(0.0f, 1.0f);
    const std::vector<float> logits = random.Normal(classes);
    std::vector<float> delta(classes, kNan), label(classes, 0.0f);
    label[index] = 1.0f;
    std::vector<float> smoothed;
    for (float t : label) smoothed.push_back(t * (1.0f - smoothing) + smoothing / static_cast<float>(classes));
    float loss = SoftmaxCrossEntropySparse(SpanOf(logits), index, smoothing, SpanOf(delta));
    CheckSample(logits, smoothed, loss, delta);
    loss = SoftmaxCrossEntropyDense(SpanOf(logits), SpanOf(label), smoothing, SpanOf(delta));
    CheckSample(logits, smoothed, loss, delta);
  }
}

TEST_CASE("a label out of range reads nothing and counts as not finite") {
  const std::vector<float> logits = {1.0f, 2.0f};
  for (int32_t label : {-1, 2, INT32_MIN, INT32_MAX}) {
    std::vector<float> delta(2, kNan);
    CHECK(std::isnan(SoftmaxCrossEntropySparse(SpanOf(logits), label, 0.0f, SpanOf(delta))));
    CHECK(delta == std::vector<float>{0.0f, 0.0f});
  }
}

TEST_CASE("logits that are not finite show in the loss") {
  for (float bad : {kNan, kInfinity}) {
    for (size_t position = 0; position < 3; ++position) {
      std::vector<float> logits = {1.0f, 2.0f, 3.0f}, delta(3);
      logits[position] = bad;
      CHECK_FALSE(std::isfinite(SoftmaxCrossEntropySparse(SpanOf(logits), 1, 0.0f, SpanOf(delta))));
    }
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
