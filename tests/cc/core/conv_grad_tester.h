// What the tests of both convolution gradients share: a random layer, and a plain loop over all taps.
#ifndef TINYPROP_TESTS_CC_CORE_CONV_GRAD_TESTER_H_
#define TINYPROP_TESTS_CC_CORE_CONV_GRAD_TESTER_H_

#include <doctest/doctest.h>

#include <cmath>

#include "cc/core/conv_shape.h"
#include "tests/cc/random_arrays.h"

namespace tinyprop {
namespace testing {

class ConvGradTester {
 public:
  using Kernel = void (*)(const ConvGradParams&);
  using Scratch = int64_t (*)(const ConvShape&);

  ConvGradTester(Random& random, bool depthwise, double zeros)
      : ConvGradTester(random, depthwise, zeros, RandomShape(random, depthwise)) {}

  ConvGradTester(Random& random, bool depthwise, double zeros, const ConvShape& shape)
      : depthwise_(depthwise), shape_(shape) {
    const ConvShape& s = shape_;
    const int32_t taps = s.filter_height * s.filter_width;
    delta_ = random.Sparse(s.batch * s.output_height * s.output_width * s.output_channels, zeros);
    input_ = random.Normal(s.batch * s.input_height * s.input_width * s.input_channels);
    weights_ = random.Normal(taps * s.output_channels * (depthwise ? 1 : s.input_channels));
    bias_ = random.Normal(s.output_channels);
  }

  // One call equals a gradient descent step on the batch; parts that are left out stay as they are.
  void Check(Kernel kernel, Scratch scratch, bool train_weights, bool train_bias, bool hand_down) const {
    std::vector<float> weights = weights_, bias = bias_;
    std::vector<float> input_delta(hand_down ? input_.size() : 0, kNan);
    ConvGradParams params;
    params.shape = shape_;
    params.step = kStep;
    params.delta = delta_.data();
    params.input = train_weights ? input_.data() : nullptr;
    params.weights = weights.data();
    params.trained_weights = train_weights ? weights.data() : nullptr;
    params.trained_bias = train_bias ? bias.data() : nullptr;
    params.input_delta = hand_down ? input_delta.data() : nullptr;
    std::vector<float> sums(static_cast<size_t>(train_weights || train_bias ? scratch(shape_) : 0), kNan);
    params.scratch = sums.data();
    kernel(params);

    Sums weight_sums(weights.size()), bias_sums(bias.size()), input_sums(input_.size());
    AddGradients(&weight_sums, &bias_sums, &input_sums);
    CheckStep(weights_, weights, weight_sums, train_weights);
    CheckStep(bias_, bias, bias_sums, train_bias);
    for (size_t i = 0; i < input_delta.size(); ++i) {
      CHECK(IsClose(input_delta[i], input_sums.value[i], input_sums.size[i], 600));
    }
  }

 private:
  static constexpr float kStep = 0.125f;

  // Sums of products, and of their magnitudes.
  struct Sums {
    explicit Sums(size_t n) : value(n), size(n) {}
    void Add(int32_t i, double term) {
      value[i] += term;
      size[i] += std::fabs(term);
    }
    std::vector<double> value, size;
  };

  static ConvShape RandomShape(Random& random, bool depthwise) {
    ConvShape s;
    s.batch = random.Int(1, 3);
    s.input_height = random.Int(1, 8);
    s.input_width = random.Int(1, 8);
    s.input_channels = random.Int(1, 6);
    s.output_channels = depthwise ? s.input_channels * random.Int(1, 3) : random.Int(1, 7);
    s.filter_height = random.Int(1, 4);
    s.filter_width = random.Int(1, 4);
    s.stride_height = random.Int(1, 3);
    s.stride_width = random.Int(1, 3);
    s.dilation_height = random.Int(1, 3);
    s.dilation_width = random.Int(1, 3);
    s.pad_top = random.Int(0, (s.filter_height - 1) * s.dilation_height);
    s.pad_left = random.Int(0, (s.filter_width - 1) * s.dilation_width);
    s.output_height = random.Int(1, (s.input_height - 1 + s.pad_top) / s.stride_height + 1);
    s.output_width = random.Int(1, (s.input_width - 1 + s.pad_left) / s.stride_width + 1);
    return s;
  }

  static void CheckStep(const std::vector<float>& before, const std::vector<float>& after,
                        const Sums& gradient, bool trained) {
    for (size_t i = 0; i < before.size(); ++i) {
      const double step = trained ? kStep : 0.0;
      CHECK(IsClose(after[i], before[i] - step * gradient.value[i],
                    std::fabs(before[i]) + gradient.size[i], 600));
    }
  }

  void AddGradients(Sums* weights, Sums* bias, Sums* input) const {
    const ConvShape& s = shape_;
    const int32_t multiplier = s.output_channels / s.input_channels;
    int32_t d = 0;
    for (int32_t b = 0; b < s.batch; ++b) {
      for (int32_t oy = 0; oy < s.output_height; ++oy) {
        for (int32_t ox = 0; ox < s.output_width; ++ox) {
          for (int32_t oc = 0; oc < s.output_channels; ++oc, ++d) {
            bias->Add(oc, delta_[d]);
            const int32_t first = depthwise_ ? oc / multiplier : 0;
            const int32_t last = depthwise_ ? first : s.input_channels - 1;
            for (int32_t ic = first; ic <= last; ++ic) AddTaps(b, oy, ox, oc, ic, delta_[d], weights, input);
          }
        }
      }
    }
  }

  void AddTaps(int32_t b, int32_t oy, int32_t ox, int32_t oc, int32_t ic, double delta, Sums* weights,
               Sums* input) const {
    const ConvShape& s = shape_;
    for (int32_t ky = 0; ky < s.filter_height; ++ky) {
      for (int32_t kx = 0; kx < s.filter_width; ++kx) {
        const int32_t y = oy * s.stride_height + ky * s.dilation_height - s.pad_top;
        const int32_t x = ox * s.stride_width + kx * s.dilation_width - s.pad_left;
        if (y < 0 || y >= s.input_height || x < 0 || x >= s.input_width) continue;
        const int32_t tap = ky * s.filter_width + kx;
        const int32_t w =
            depthwise_ ? tap * s.output_channels + oc
                       : (oc * s.filter_height * s.filter_width + tap) * s.input_channels + ic;
        const int32_t i = ((b * s.input_height + y) * s.input_width + x) * s.input_channels + ic;
        weights->Add(w, delta * input_[i]);
        input->Add(i, delta * weights_[w]);
      }
    }
  }

  bool depthwise_;
  ConvShape shape_;
  std::vector<float> delta_, input_, weights_, bias_;
};

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_CORE_CONV_GRAD_TESTER_H_
