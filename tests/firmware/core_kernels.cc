// The core's kernels on pseudo-random data, printed so that machines can be compared (test_boards.py): a line
// "<kernel> <value as bits>" for everything a kernel may change, with some elements before and behind it.
#include <initializer_list>

#include "cc/core/activation.h"
#include "cc/core/average_pool_2d_grad.h"
#include "cc/core/conv_2d_grad.h"
#include "cc/core/depthwise_conv_2d_grad.h"
#include "cc/core/float_bits.h"
#include "cc/core/fully_connected_grad.h"
#include "cc/core/max_pool_2d_grad.h"
#include "cc/core/mean_squared_error.h"
#include "cc/core/selection.h"
#include "cc/core/softmax_cross_entropy.h"
#include "cc/core/softmax_grad.h"
#include "cc/core/vector_ops.h"
#include "tests/firmware/board/board.h"
#include "tests/firmware/random.h"

namespace {

using tinyprop::Span;

tinyprop::Random random_numbers(11);

void WriteAll(const char* kernel, Span<const float> values) {
  for (const float value : values) {
    board::Write(kernel);
    board::Write(" ");
    board::WriteHex(tinyprop::BitsOf(value));
    board::Write("\n");
  }
}

// Up to 1,024 random values at an address that is a multiple of 4 and of nothing more.
class Values {
 public:
  explicit Values(int32_t size) : size_(size) {
    for (float& value : memory_) value = random_numbers.Uniform();
  }
  float* data() { return memory_ + kGuard; }
  Span<float> span() { return {data(), size_}; }
  // Only every third value remains.
  Values& Sparse() {
    for (int32_t i = 0; i < size_; ++i) {
      if (i % 3 != 0) data()[i] = 0.0f;
    }
    return *this;
  }
  void WriteWithGuards(const char* kernel) const { WriteAll(kernel, {memory_, size_ + 2 * kGuard}); }

 private:
  static constexpr int32_t kGuard = 5;

  int32_t size_;
  alignas(16) float memory_[1024 + 2 * kGuard];
};

void VectorOps() {
  for (const int32_t n : {0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 40}) {
    Values x(n), y(n), w(n), dx(n), cleared(n);
    tinyprop::AddScaled(n, 0.75f, x.data(), y.data());
    y.WriteWithGuards("AddScaled");
    tinyprop::HandDownAndUpdate(n, 0.75f, -0.5f, x.data(), w.data(), dx.data());
    w.WriteWithGuards("HandDownAndUpdate");
    dx.WriteWithGuards("HandDownAndUpdate");
    tinyprop::Clear(n, cleared.data());
    cleared.WriteWithGuards("Clear");
    const float sum = tinyprop::SumOfMagnitudes(n, x.data());
    WriteAll("SumOfMagnitudes", {&sum, 1});
  }
}

// Equal magnitudes, powers of two apart, and zeros: what a histogram of magnitudes has to tell apart.
void Selection() {
  for (const int32_t n : {1, 10, 64, 128, 1000, 1024}) {
    for (const int32_t percent : {1, 10, 30, 50, 99}) {
      Values values(n);
      for (int32_t i = 0; i < n; i += 4) values.data()[i] = i % 8 == 0 ? 0.25f : 0.0f;
      for (int32_t i = 1; i < n; i += 8) values.data()[i] *= 1.0f / static_cast<float>(1 << i % 24);
      tinyprop::KeepTopK(n * percent / 100 + 1, values.span());
      values.WriteWithGuards("KeepTopK");
    }
  }
}

void FullyConnected() {
  for (const int32_t rows : {1, 3}) {
    Values delta(rows * 7), x(rows * 21), weights(7 * 21), bias(7), dx(rows * 21);
    tinyprop::FullyConnectedGradParams params;
    params.rows = rows, params.inputs = 21, params.units = 7, params.step = 0.125f;
    params.delta = delta.Sparse().data(), params.input = x.data();
    params.weights = params.trained_weights = weights.data();
    params.trained_bias = bias.data(), params.input_delta = dx.data();
    tinyprop::FullyConnectedGrad(params);
    weights.WriteWithGuards("FullyConnectedGrad");
    bias.WriteWithGuards("FullyConnectedGrad");
    dx.WriteWithGuards("FullyConnectedGrad");
  }
}

template <typename Kernel, typename Scratch>
void Convolution(const char* name, int32_t filter_size, Kernel kernel, Scratch scratch) {
  constexpr int32_t kIn = 2 * 5 * 6 * 3, kOut = 2 * 3 * 3 * 6;
  Values delta(kOut), x(kIn), weights(filter_size), bias(6), dx(kIn);
  tinyprop::ConvGradParams params;
  params.shape.batch = 2, params.shape.input_height = 5, params.shape.input_width = 6, params.shape.input_channels = 3;
  params.shape.output_height = 3, params.shape.output_width = 3, params.shape.output_channels = 6;
  params.shape.filter_height = 3, params.shape.filter_width = 3;
  params.shape.stride_height = 2, params.shape.stride_width = 2;
  params.shape.pad_top = 1;
  params.step = 0.125f, params.delta = delta.Sparse().data(), params.input = x.data();
  params.weights = params.trained_weights = weights.data();
  params.trained_bias = bias.data(), params.input_delta = dx.data();
  Values sums(static_cast<int32_t>(scratch(params.shape)));
  params.scratch = sums.data();
  kernel(params);
  weights.WriteWithGuards(name);
  bias.WriteWithGuards(name);
  dx.WriteWithGuards(name);
}

void Pooling() {
  tinyprop::Pool2DShape shape;
  shape.batch = 2, shape.input_height = 5, shape.input_width = 6, shape.channels = 3;
  shape.output_height = 3, shape.output_width = 3;
  shape.filter_height = 3, shape.filter_width = 2, shape.stride_height = 2, shape.stride_width = 2, shape.pad_top = 1;
  constexpr int32_t kIn = 2 * 5 * 6 * 3, kOut = 2 * 3 * 3 * 3;
  Values delta(kOut), x(kIn), y(kOut), average(kIn), largest(kIn);
  tinyprop::AveragePool2DGrad(shape, delta.data(), average.data());
  average.WriteWithGuards("AveragePool2DGrad");
  for (int32_t i = 0; i < kOut; ++i) {  // y is a tap inside of each window; in every fifth window nothing equals it
    const int32_t channel = i % 3, column = i / 3 % 3, row = i / 9 % 3, sample = i / 27;
    if (i % 5 != 0) y.data()[i] = x.data()[((sample * 5 + 2 * row) * 6 + 2 * column) * 3 + channel];
  }
  tinyprop::MaxPool2DGrad(shape, delta.data(), x.data(), y.data(), largest.data());
  largest.WriteWithGuards("MaxPool2DGrad");
}

void Elementwise() {
  for (int32_t kind = 0; kind <= 7; ++kind) {
    Values reference(45), delta(45);
    for (float& value : reference.span()) value *= kind <= 3 || kind == 7 ? 8.0f : 1.0f;
    const auto activation = static_cast<tinyprop::ElementwiseActivation>(kind);
    tinyprop::ElementwiseActivationGrad(activation, 0.25f, reference.span(), delta.span());
    delta.WriteWithGuards("ElementwiseActivationGrad");
  }
}

void Losses() {
  Values logits(10), label(10), dense(10), sparse(10), squared(10), probabilities(20), softmax(20);
  for (float& value : logits.span()) value *= 8.0f;
  const float losses[] = {tinyprop::SoftmaxCrossEntropyDense(logits.span(), label.span(), 0.0f, dense.span()),
                          tinyprop::SoftmaxCrossEntropySparse(logits.span(), 3, 0.0f, sparse.span()),
                          tinyprop::MeanSquaredError(logits.span(), label.span(), squared.span())};
  WriteAll("loss", {losses, 3});
  dense.WriteWithGuards("SoftmaxCrossEntropyDense");
  sparse.WriteWithGuards("SoftmaxCrossEntropySparse");
  squared.WriteWithGuards("MeanSquaredError");
  tinyprop::SoftmaxGrad(0.5f, 10, probabilities.span(), softmax.span());
  softmax.WriteWithGuards("SoftmaxGrad");
}

}  // namespace

int main() {
  VectorOps();
  Selection();
  FullyConnected();
  Convolution("Conv2DGrad", 6 * 3 * 3 * 3, tinyprop::Conv2DGrad, tinyprop::Conv2DGradScratch);
  Convolution("DepthwiseConv2DGrad", 3 * 3 * 6, tinyprop::DepthwiseConv2DGrad, tinyprop::DepthwiseConv2DGradScratch);
  Pooling();
  Elementwise();
  Losses();
  return 0;
}
