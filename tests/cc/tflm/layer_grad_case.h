// What the cases of all layers with weights share: their tensors, and the sparse step in double.
#ifndef TINYPROP_TESTS_CC_TFLM_LAYER_GRAD_CASE_H_
#define TINYPROP_TESTS_CC_TFLM_LAYER_GRAD_CASE_H_

#include <algorithm>
#include <cmath>

#include "tests/cc/tflm/op_case.h"

namespace tinyprop {
namespace testing {

// One kind of layer, at one size. x, weights and y: dimensions, of which the first of x and y is the batch.
struct LayerSpec {
  const char* name;
  const api::Registration* registration;
  std::vector<int> x, weights, y;
  int units;
  int macs;  // weights that one gradient meets
  // z of the whole batch from values of x, weights and bias, all of the sizes above.
  std::function<std::vector<double>(const std::vector<double>&, const std::vector<double>&, const std::vector<double>&)> forward;
  std::string window;  // options behind those of all layers
  std::vector<int> free_x, free_weights, free_y;  // dimensions that may change alone
  std::vector<int> free_weights_alone;            // those of weights where the op does not see its input
};

// Whether the op sees how large the layer's input is: frozen and at the bottom it needs neither of the two.
inline bool KnowsInput(const OpCase& op) { return op.has("input") || op.has("input delta"); }

inline size_t Elements(const std::vector<int>& dims) {
  size_t product = 1;
  for (int dim : dims) product *= static_cast<size_t>(dim);
  return product;
}

// The options, the settings and the state of one layer in one step.
struct LayerStep {
  static constexpr float kRate = 0.125f;  // learning rate
  LayerGradOptions options;
  bool hands_down = true;
  float zeta = 1.0f;   // damping per layer above
  float share = 1.0f;  // of the gradients that are kept, whatever the error; damped
  int rows = 4;        // of state and statistics

  bool updates(uint8_t flag) const { return (options.flags & flag) != 0; }
};

// delta of a sample with the gradients that take part, from the equations in SPEC.md.
inline std::vector<double> SparseDelta(std::vector<double> delta, int k) {
  std::vector<size_t> order(delta.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return std::fabs(delta[a]) > std::fabs(delta[b]); });
  for (size_t i = static_cast<size_t>(k); i < order.size(); ++i) delta[order[i]] = 0;
  return delta;
}

inline bool Passes(uint8_t activation, double y) {
  const double lower[] = {-INFINITY, 0, -1, 0}, upper[] = {INFINITY, INFINITY, 1, 6};
  return y > lower[activation] && y < upper[activation];
}

// What the op does to the whole batch.
struct LayerResult {
  std::vector<double> delta;              // sparse
  std::vector<double> statistics, state;  // all of them
};

inline LayerResult StepOf(const OpCase& op, const LayerStep& step) {
  const CaseTensor &delta = op["delta"], &output = op["output"];
  const std::vector<int32_t>& gate = op["gate"].ints;
  const size_t batch = gate.size(), n = delta.floats.size() / batch;
  LayerResult result;
  result.statistics.assign(op["statistics"].floats.begin(), op["statistics"].floats.end());
  result.state.assign(op["state"].floats.begin(), op["state"].floats.end());
  if (step.updates(LayerGradOptions::kOnlyUpdates)) {
    for (size_t i = 0; i < batch * n; ++i) result.delta.push_back(gate[i / n] == 1 ? delta.floats[i] : 0);
    for (size_t b = 0; b < batch; ++b) {
      double* const row = &result.statistics[(step.options.layer * batch + b) * 4];
      if (gate[b] == 1) row[3] = row[2];  // times the layer's cost
    }
    return result;
  }
  double largest = 0;
  for (size_t b = 0; b < batch; ++b) {
    std::vector<double> sample(delta.floats.begin() + static_cast<long>(b * n), delta.floats.begin() + static_cast<long>((b + 1) * n));
    double error = 0;
    for (size_t i = 0; i < n; ++i) {
      if (step.options.fused_activation != 0 && !Passes(step.options.fused_activation, output.floats[b * n + i])) sample[i] = 0;
      error += std::fabs(sample[i]);
    }
    int k = 0;
    if (gate[b] == 1) {
      largest = std::fmax(largest, error);
      const double count = std::floor(step.share * static_cast<float>(n) + 0.5f);
      k = error > 0 ? static_cast<int>(std::fmin(std::fmax(count, 1), static_cast<double>(n))) : 0;
      double* const row = &result.statistics[(step.options.layer * batch + b) * 4];
      row[0] = error;
      row[1] = step.share;
      row[2] = k;
      row[3] = k;  // times the layer's cost
    }
    const std::vector<double> sparse = SparseDelta(sample, k);
    result.delta.insert(result.delta.end(), sparse.begin(), sparse.end());
  }
  if (!step.updates(LayerGradOptions::kSharesDecision)) {
    double& maximum = result.state[step.options.layer];
    maximum = std::fmax(0.5 * maximum, largest);
  }
  return result;
}

inline std::vector<double> ValuesOf(const OpCase& op, const std::string& role, size_t size) {
  std::vector<double> values(size);
  if (op.has(role)) std::copy(op[role].floats.begin(), op[role].floats.end(), values.begin());
  return values;
}

inline double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// z is linear in each of its arguments, so that differences of one element give its gradient exactly.
inline std::vector<double> GradientOf(const std::function<double(const std::vector<double>&)>& function, std::vector<double> at) {
  std::vector<double> gradient(at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    const double old = at[i];
    at[i] = old + 0.5;
    const double above = function(at);
    at[i] = old - 0.5;
    gradient[i] = above - function(at);
    at[i] = old;
  }
  return gradient;
}

inline std::vector<Expectation> ExpectLayer(const OpCase& op, const LayerSpec& spec, const LayerStep& step) {
  const LayerResult result = StepOf(op, step);
  const std::vector<double> x = ValuesOf(op, "input", Elements(spec.x)), w = ValuesOf(op, "weights", Elements(spec.weights));
  const std::vector<double> b(static_cast<size_t>(spec.units));
  const auto magnitudes = [](std::vector<double> values) {
    for (double& value : values) value = std::fabs(value);
    return values;
  };
  const std::vector<double> sizes = magnitudes(result.delta);
  std::vector<double> statistics = result.statistics;
  const int parts = step.hands_down + step.updates(LayerGradOptions::kUpdatesWeights);
  for (size_t i = 3; i < statistics.size(); i += 4) statistics[i] *= spec.macs * parts;
  const double terms = 8 + 2.0 * static_cast<double>(result.delta.size());
  std::vector<Expectation> expected = {
      {"delta", result.delta, {}, 0}, {"statistics", statistics, magnitudes(statistics), terms}, {"state", result.state, magnitudes(result.state), terms}};
  expected.push_back({"gate", {op["gate"].ints.begin(), op["gate"].ints.end()}, {}, 0});
  if (step.hands_down) {
    const auto dx = [&](const std::vector<double>& d, const std::vector<double>& weights, std::vector<double> at) {
      return GradientOf([&](const std::vector<double>& v) { return Dot(d, spec.forward(v, weights, b)); }, std::move(at));
    };
    expected.push_back({"input delta", dx(result.delta, w, x), dx(sizes, magnitudes(w), x), terms + 2.0 * static_cast<double>(w.size())});
  }
  const double rate = LayerStep::kRate / static_cast<double>(op["gate"].ints.size());
  const auto updated = [&](const char* role, bool is_updated, const std::vector<double>& gradient, const std::vector<double>& size) {
    if (!op.has(role) || !op[role].is(CaseTensor::kMutable)) return;
    std::vector<double> value = ValuesOf(op, role, gradient.size()), magnitude = magnitudes(value);
    for (size_t i = 0; i < value.size(); ++i) {
      value[i] -= is_updated ? rate * gradient[i] : 0;
      magnitude[i] += rate * size[i];
    }
    expected.push_back({role, value, magnitude, terms});
  };
  const auto dw = [&](const std::vector<double>& d, const std::vector<double>& inputs) {
    return GradientOf([&](const std::vector<double>& v) { return Dot(d, spec.forward(inputs, v, b)); }, w);
  };
  const auto db = [&](const std::vector<double>& d) {
    return GradientOf([&](const std::vector<double>& v) { return Dot(d, spec.forward(x, w, v)); }, b);
  };
  updated("weights", step.updates(LayerGradOptions::kUpdatesWeights), dw(result.delta, x), dw(sizes, magnitudes(x)));
  updated("bias", step.updates(LayerGradOptions::kUpdatesBias), db(result.delta), db(sizes));
  return expected;
}

// All zero, but for the numbers of gradients kept where the layer's delta is sparse already.
inline std::vector<float> StatisticsBefore(const LayerStep& step, int batch) {
  std::vector<float> values(static_cast<size_t>(step.rows * batch * kStatisticsFields));
  if (!step.updates(LayerGradOptions::kOnlyUpdates)) return values;
  for (int b = 0; b < batch; ++b) values[static_cast<size_t>((step.options.layer * batch + b) * kStatisticsFields + 2)] = 3.0f + static_cast<float>(b);
  return values;
}

inline void AddLayerTensors(OpCase* op, const LayerSpec& spec, const LayerStep& step, int batch, Random& random, bool is_benchmark) {
  using T = CaseTensor;
  float share = step.share;  // undamped
  for (int i = 0; i < step.options.layers_above; ++i) share /= step.zeta;
  const auto normal = [&](const std::vector<int>& dims) { return random.Normal(static_cast<int32_t>(Elements(dims))); };
  const bool updates_weights = step.updates(LayerGradOptions::kUpdatesWeights);
  const bool updates_bias = step.updates(LayerGradOptions::kUpdatesBias);
  CaseTensor delta = Floats("delta", spec.y, normal(spec.y), T::kMutable);
  delta.free_axes = spec.free_y;
  CaseTensor input = updates_weights || random.Chance(0.5) ? Floats("input", spec.x, normal(spec.x), updates_weights ? 0u : T::kOptional)
                                                           : Absent("input", T::kOptional);
  input.free_axes = spec.free_x;
  CaseTensor output = Absent("output", T::kOptional);
  if (step.options.fused_activation != 0) {
    std::vector<float> y = normal(spec.y);
    const float bounds[] = {0.0f, 1.0f, -1.0f, 6.0f};
    for (float& value : y) value = random.Chance(0.3) ? bounds[random.Int(0, 3)] : 3 * value;
    output = Floats("output", spec.y, y);
  }
  CaseTensor weights = Floats("weights", spec.weights, normal(spec.weights), updates_weights ? T::kMutable : T::kRead);
  weights.free_axes = spec.free_weights;
  const bool has_bias = updates_bias || random.Chance(0.5);
  CaseTensor bias = has_bias ? Floats("bias", {spec.units}, normal({spec.units}), updates_bias ? T::kMutable : T::kOptional)
                             : Absent("bias", T::kOptional);
  std::vector<int32_t> gate(static_cast<size_t>(batch), 1);
  for (int32_t& status : gate) status = is_benchmark || random.Chance(0.7) ? 1 : random.Int(0, 3);
  gate[static_cast<size_t>(random.Int(0, batch - 1))] = 1;
  op->tensors = {
      delta, input, output, weights, bias, Ints("gate", {batch}, gate, T::kMutable),
      Floats("control", {kControlSize}, {LayerStep::kRate, share, share, step.zeta, 0, 1, 0, 0.5f}),
      Floats("statistics", {step.rows, batch, kStatisticsFields}, StatisticsBefore(step, batch), T::kMutable),
      Floats("state", {step.rows}, std::vector<float>(static_cast<size_t>(step.rows), 0.75f), T::kMutable),
      step.hands_down ? Output("input delta", spec.x) : Absent("input delta", T::kOutput)};
  op->tensors.back().flags |= T::kOptional;
  if (!KnowsInput(*op)) {
    (*op)["delta"].free_axes = {0, 1, 2};
    (*op)["weights"].free_axes = spec.free_weights_alone;
  }
  op->tensors.back().free_axes = input.is(T::kAbsent) ? spec.free_x : std::vector<int>();
}

// Options of the layer with a row number set, in front of the window's.
inline std::string LayerOptionBytes(const LayerSpec& spec, const LayerGradOptions& options) {
  const uint16_t size = static_cast<uint16_t>(4 + LayerGradOptions::kBytes[0] + spec.window.size());
  const uint16_t header[2] = {1, size};
  return std::string(reinterpret_cast<const char*>(header), 4) +
         std::string(reinterpret_cast<const char*>(&options), LayerGradOptions::kBytes[0]) + spec.window;
}

inline OpCase LayerCase(Random& random, const LayerSpec& spec, int batch, bool is_benchmark) {
  LayerStep step;
  step.options.fused_activation = static_cast<uint8_t>(is_benchmark ? 0 : random.Int(0, 3));
  const uint8_t both = LayerGradOptions::kUpdatesWeights | LayerGradOptions::kUpdatesBias;
  step.options.flags = is_benchmark ? both : static_cast<uint8_t>(random.Int(0, 7));
  step.options.layer = static_cast<uint16_t>(random.Int(1, step.rows - 1));
  step.options.layers_above = static_cast<uint16_t>(step.rows - 1 - step.options.layer);
  step.hands_down = is_benchmark || random.Chance(0.7);
  // Some of those that neither mask nor hand down.
  const bool only_updates = !step.hands_down && step.options.fused_activation <= 1 && step.updates(LayerGradOptions::kSharesDecision);
  if (only_updates) {
    step.options.flags = static_cast<uint8_t>((step.options.flags & both) | LayerGradOptions::kOnlyUpdates);
    step.options.fused_activation = 0;
  }
  step.zeta = is_benchmark || random.Chance(0.3) ? 1.0f : 0.5f;
  step.share = is_benchmark ? 0.25f : random.Chance(0.3) ? 1.0f : random.Uniform(0.05f, 1.0f);
  for (int i = 0; i < step.options.layers_above; ++i) step.share *= step.zeta;
  OpCase op;
  op.name = spec.name;
  op.registration = spec.registration;
  op.options = LayerOptionBytes(spec, step.options);
  AddLayerTensors(&op, spec, step, batch, random, is_benchmark);
  op.expect = [=](const OpCase& before) { return ExpectLayer(before, spec, step); };
  const std::vector<double> delta = StepOf(op, step).delta;
  op.function = [=](const Point& point) {
    const auto values = [&](const char* role, size_t size) {
      const auto found = point.find(role);
      std::vector<double> filled = found == point.end() ? std::vector<double>() : found->second;
      filled.resize(size);
      return filled;
    };
    return Dot(delta, spec.forward(values("input", Elements(spec.x)), values("weights", Elements(spec.weights)),
                                   values("bias", static_cast<size_t>(spec.units))));
  };
  const double rate = LayerStep::kRate / batch;
  if (step.hands_down && op.has("input")) op.derivatives.push_back({"input", "input delta"});
  if (step.updates(LayerGradOptions::kUpdatesWeights)) op.derivatives.push_back({"weights", "weights", rate});
  if (step.updates(LayerGradOptions::kUpdatesBias)) op.derivatives.push_back({"bias", "bias", rate});

  const auto with_options = [=](LayerGradOptions options) {
    return [=](OpCase& changed) { changed.options = LayerOptionBytes(spec, options); };
  };
  LayerGradOptions options = step.options;
  options.layer = static_cast<uint16_t>(step.rows);
  op.refused.emplace_back("a layer number as large as the state", with_options(options));
  options.layer = static_cast<uint16_t>(step.rows - 1);
  op.accepted.emplace_back("the largest layer number", with_options(options));
  options.layer = 0;
  op.refused.emplace_back("layer number 0", with_options(options));
  options = step.options;
  options.fused_activation = 4;
  op.refused.emplace_back("an unknown activation", with_options(options));
  options = step.options;
  options.flags = 8;
  op.refused.emplace_back("an unknown flag", with_options(options));
  if (only_updates) {
    const std::vector<float> y(Elements(spec.y));
    op.refused.emplace_back("a fused activation where it only updates", [=](OpCase& changed) {
      LayerGradOptions masked = step.options;
      masked.fused_activation = 1;
      changed.options = LayerOptionBytes(spec, masked);
      changed["output"] = Floats("output", spec.y, y);
    });
    op.refused.emplace_back("a hand-down where it only updates",
                            [=](OpCase& changed) { changed["input delta"] = Output("input delta", spec.x); });
  }
  const int wrong = static_cast<int>(Elements(spec.y)) + 1;
  op.refused.emplace_back("a batch that the gate does not divide", [wrong](OpCase& changed) {
    changed["gate"].dims = {wrong};
    changed["gate"].ints.assign(static_cast<size_t>(wrong), 1);
    CaseTensor& statistics = changed["statistics"];
    statistics.dims[1] = wrong;
    statistics.floats.assign(Elements(statistics.dims), 0.0f);
  });
  return op;
}

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_TFLM_LAYER_GRAD_CASE_H_
