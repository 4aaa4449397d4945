// The gradient kernels of convolutions behind a C interface; see core_abi.cc.
#include "cc/core/conv_2d_grad.h"
#include "cc/core/depthwise_conv_2d_grad.h"
#include "cc/core/transpose_conv_grad.h"

#include <cstdlib>
#include <limits>
#include <vector>

#define TEST_ABI extern "C" __attribute__((visibility("default")))

namespace {

// shape: the fields of ConvShape in their order.
void Run(void (*grad)(const tinyprop::ConvGradParams&), int64_t (*scratch)(const tinyprop::ConvShape&), const int32_t* shape,
         float step, const float* delta, const float* input, const float* weights, float* trained_weights, float* trained_bias,
         float* input_delta) {
  tinyprop::ConvGradParams params;
  params.shape = {shape[0], shape[1], shape[2],  shape[3],  shape[4],  shape[5],  shape[6], shape[7],
                  shape[8], shape[9], shape[10], shape[11], shape[12], shape[13], shape[14]};
  params.step = step;
  params.delta = delta;
  params.input = input;
  params.weights = trained_weights != nullptr ? trained_weights : weights;
  params.trained_weights = trained_weights;
  params.trained_bias = trained_bias;
  params.input_delta = input_delta;
  // Holds anything before the call, and what lies behind it must not change.
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const auto size = static_cast<size_t>(scratch(params.shape));
  std::vector<float> memory(size + 1, kNan);
  memory.back() = 1234.5f;
  params.scratch = memory.data();
  grad(params);
  if (memory.back() != 1234.5f) std::abort();
}

}  // namespace

#define TEST_ABI_CONV(name, Kernel)                                                                                         \
  TEST_ABI void abi_##name(const int32_t* shape, float step, const float* delta, const float* input, const float* weights, \
                           float* trained_weights, float* trained_bias, float* input_delta) {                              \
    Run(tinyprop::Kernel, tinyprop::Kernel##Scratch, shape, step, delta, input, weights, trained_weights, trained_bias,    \
        input_delta);                                                                                                      \
  }
TEST_ABI_CONV(conv_2d_grad, Conv2DGrad)
TEST_ABI_CONV(depthwise_conv_2d_grad, DepthwiseConv2DGrad)
TEST_ABI_CONV(transpose_conv_grad, TransposeConvGrad)
