// TinyPropDecision:  D = D_min + alpha (D_max - D_min), alpha = Y / Y_max; a sample is skipped if D < threshold.
#include "cc/tflm/registrations.h"
#include "tests/cc/tflm/layer_grad_case.h"

namespace tinyprop {
namespace testing {
namespace {

enum Status { kSkipped, kTrained, kNonFinite, kInference };

std::vector<Expectation> Expect(const OpCase& op) {
  const std::vector<float>&delta = op["delta"].floats, &loss = op["loss"].floats, &control = op["control"].floats;
  const size_t batch = loss.size(), n = delta.size() / batch;
  std::vector<double> gate(batch, kInference), state(op["state"].floats.begin(), op["state"].floats.end());
  std::vector<double> statistics(op["statistics"].floats.size());
  if (control[0] > 0) {
    std::vector<double> error(batch);
    double largest = -1;
    for (size_t b = 0; b < batch; ++b) {
      for (size_t i = 0; i < n; ++i) error[b] += std::fabs(delta[b * n + i]);
      const bool finite = op["finite"].ints[b] != 0 && std::isfinite(loss[b]) && std::isfinite(error[b]);
      gate[b] = finite ? kTrained : kNonFinite;
      if (finite) largest = std::fmax(largest, error[b]);
    }
    if (largest >= 0) state[0] = std::fmax(control[7] * state[0], largest);
    float bound = 0;
    std::memcpy(&bound, op.options.data() + 4, sizeof bound);
    if (largest >= 0 && bound > 0) state[0] = std::fmin(state[0], static_cast<double>(bound));
    for (size_t b = 0; b < batch; ++b) {
      double* const row = &statistics[4 * b];
      if (gate[b] == kTrained) {
        const double alpha = state[0] > 0 ? std::fmin(error[b] / state[0], 1) : 0;
        row[1] = control[4] + alpha * (control[5] - control[4]);
        if (row[1] < control[6]) gate[b] = kSkipped;
      }
      row[2] = error[b];
      row[3] = state[0];
    }
  }
  for (size_t b = 0; b < batch; ++b) statistics[4 * b] = gate[b];
  std::vector<double> magnitude;
  for (double value : statistics) magnitude.push_back(1 + std::fabs(value));
  std::vector<double> state_magnitude(state.size(), 1 + std::fabs(state[0]));
  const double terms = 16 + static_cast<double>(n);
  return {{"gate", gate, {}, 0}, {"statistics", statistics, magnitude, terms}, {"state", state, state_magnitude, terms}};
}

OpCase MakeCase(Random& random, bool is_benchmark) {
  const int batch = is_benchmark ? 1 : random.Int(1, 4), n = is_benchmark ? 10 : random.Int(1, 7), rows = random.Int(2, 4);
  std::vector<int32_t> finite(static_cast<size_t>(batch), 1);
  std::vector<float> loss = random.Normal(batch), delta = random.Normal(batch * n);
  for (int32_t& flag : finite) flag = is_benchmark || random.Chance(0.8);
  if (!is_benchmark && random.Chance(0.2)) loss[0] = kNan;
  // The threshold is the metric at 0.5, from which no error of these is as far as a rounding; now and then there is no training.
  const float rate = is_benchmark || random.Chance(0.8) ? 0.1f : 0.0f;
  OpCase op;
  op.name = "Decision";
  op.registration = &RegisterDecision();
  DecisionOptions options;
  if (!is_benchmark && random.Chance(0.5)) options.bound = random.Uniform(0.5f, 3.0f);
  op.options = OptionBytes(options);
  op.tensors = {Ints("finite", {batch}, finite), Floats("loss", {batch}, loss), Floats("delta", {batch, n}, delta),
                Floats("control", {kControlSize}, {rate, 0, 1, 1, 0.25f, 2.25f, 1.25f, 0.5f}),
                Floats("statistics", {rows, batch, kStatisticsFields}, std::vector<float>(static_cast<size_t>(rows * batch * 4)), CaseTensor::kMutable),
                Floats("state", {rows}, std::vector<float>(static_cast<size_t>(rows), 2.0f), CaseTensor::kMutable),
                IntOutput("gate", {batch})};
  op["delta"].free_axes = {0, 1};
  op.expect = Expect;
  op.no_gradient = "it decides, and computes no gradient";
  op.refused.emplace_back("a negative bound", [](OpCase& changed) {
    DecisionOptions unknown;
    unknown.bound = -1.0f;
    changed.options = OptionBytes(unknown);
  });
  op.refused.emplace_back("a delta that the batch does not divide", [=](OpCase& changed) {
    if (batch == 1) changed["delta"].dims = {0};
    if (batch > 1) changed["delta"].dims = {batch * n + 1};
    changed["delta"].floats.assign(static_cast<size_t>(batch * n + 1), 1.0f);
  });
  return op;
}

const OpCaseRegistration registered("Decision", MakeCase);

}  // namespace
}  // namespace testing
}  // namespace tinyprop
