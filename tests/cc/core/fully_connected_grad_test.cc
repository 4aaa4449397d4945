#include "cc/core/fully_connected_grad.h"

#include <doctest/doctest.h>

#include <cstring>

#include "cc/core/vector_ops.h"
#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {
namespace {

struct Layer {
  int32_t rows, inputs, units;
  float step = 0.125f;
  std::vector<float> delta, input, weights, bias;

  Layer(Random& random, double zeros)
      : rows(random.Int(1, 6)),
        inputs(random.Int(1, 40)),
        units(random.Int(1, 20)),
        delta(random.Sparse(rows * units, zeros)),
        input(random.Normal(rows * inputs)),
        weights(random.Normal(units * inputs)),
        bias(random.Normal(units)) {}

  FullyConnectedGradParams Params() const {
    FullyConnectedGradParams params;
    params.rows = rows;
    params.inputs = inputs;
    params.units = units;
    params.step = step;
    params.delta = delta.data();
    return params;
  }
};

TEST_CASE("one call equals a gradient descent step on the batch") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 400; ++repeat) {
    const Layer layer(random, random.Uniform(0.0f, 1.0f));
    const bool train_weights = random.Chance(0.7), train_bias = random.Chance(0.7);
    const bool hand_down = random.Chance(0.7);
    std::vector<float> weights = layer.weights, bias = layer.bias;
    std::vector<float> input_delta(hand_down ? layer.rows * layer.inputs : 0, kNan);

    FullyConnectedGradParams params = layer.Params();
    params.weights = weights.data();
    params.input = train_weights ? layer.input.data() : nullptr;
    params.trained_weights = train_weights ? weights.data() : nullptr;
    params.trained_bias = train_bias ? bias.data() : nullptr;
    params.input_delta = hand_down ? input_delta.data() : nullptr;
    FullyConnectedGrad(params);

    for (int32_t u = 0; u < layer.units; ++u) {
      double bias_grad = 0.0, bias_size = 0.0;
      for (int32_t r = 0; r < layer.rows; ++r) {
        bias_grad += layer.delta[r * layer.units + u];
        bias_size += std::fabs(layer.delta[r * layer.units + u]);
      }
      const double expected_bias = layer.bias[u] - (train_bias ? layer.step * bias_grad : 0.0);
      CHECK(IsClose(bias[u], expected_bias, std::fabs(layer.bias[u]) + bias_size, 20));
      for (int32_t i = 0; i < layer.inputs; ++i) {
        double grad = 0.0, size = 0.0;
        for (int32_t r = 0; r < layer.rows; ++r) {
          const double term = static_cast<double>(layer.delta[r * layer.units + u]) *
                              layer.input[r * layer.inputs + i];
          grad += term;
          size += std::fabs(term);
        }
        const float old = layer.weights[u * layer.inputs + i];
        const double expected = old - (train_weights ? layer.step * grad : 0.0);
        CHECK(IsClose(weights[u * layer.inputs + i], expected, std::fabs(old) + size, 20));
      }
    }
    if (!hand_down) continue;
    for (int32_t r = 0; r < layer.rows; ++r) {
      for (int32_t i = 0; i < layer.inputs; ++i) {
        double sum = 0.0, size = 0.0;  // with the weights before the update
        for (int32_t u = 0; u < layer.units; ++u) {
          const double term = static_cast<double>(layer.delta[r * layer.units + u]) *
                              layer.weights[u * layer.inputs + i];
          sum += term;
          size += std::fabs(term);
        }
        CHECK(IsClose(input_delta[r * layer.inputs + i], sum, size, 4.0 + layer.units));
      }
    }
  }
}

TEST_CASE("units without a gradient keep every bit") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 100; ++repeat) {
    Layer layer(random, 0.5);
    // The first unit has none, and weights that would spoil everything they are multiplied with.
    for (int32_t r = 0; r < layer.rows; ++r) {
      layer.delta[r * layer.units] = random.Chance(0.5) ? 0.0f : -0.0f;
    }
    for (int32_t i = 0; i < layer.inputs; ++i) layer.weights[i] = kNan;
    std::vector<float> weights = layer.weights, bias = layer.bias;
    std::vector<float> input_delta(layer.rows * layer.inputs);
    FullyConnectedGradParams params = layer.Params();
    params.weights = params.trained_weights = weights.data();
    params.input = layer.input.data();
    params.trained_bias = bias.data();
    params.input_delta = input_delta.data();
    FullyConnectedGrad(params);
    CHECK(std::memcmp(weights.data(), layer.weights.data(), sizeof(float) * layer.inputs) == 0);
    CHECK(bias[0] == layer.bias[0]);
    for (float d : input_delta) CHECK(std::isfinite(d));
  }
}

TEST_CASE("vector operations at every length") {
  Random random;
  INFO(random.Repeat());
  for (int32_t n = 0; n < 20; ++n) {
    const std::vector<float> x = random.Normal(n), w = random.Normal(n), dx = random.Normal(n);
    std::vector<float> y = w, new_w = w, new_dx = dx;
    AddScaled(n, 0.5f, x.data(), y.data());
    HandDownAndUpdate(n, 0.25f, 0.5f, x.data(), new_w.data(), new_dx.data());
    for (int32_t i = 0; i < n; ++i) {
      CHECK(IsClose(y[i], w[i] + 0.5 * x[i], std::fabs(w[i]) + std::fabs(x[i]), 2));
      CHECK(new_w[i] == y[i]);
      CHECK(IsClose(new_dx[i], dx[i] + 0.25 * w[i], std::fabs(dx[i]) + std::fabs(w[i]), 2));
    }
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
