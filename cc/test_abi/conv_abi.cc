// The gradient kernels of convolutions behind a C interface; see core_abi.cc.
#include "cc/core/conv_2d_grad.h"
#include "cc/core/depthwise_conv_2d_grad.h"
#include "cc/core/transpose_conv_grad.h"

#define TEST_ABI extern "C" __attribute__((visibility("default")))

namespace {

// shape: the fields of ConvShape in their order.
tinyprop::ConvGradParams ParamsOf(const int32_t* shape, float step, const float* delta,
                                  const float* input, const float* weights, float* trained_weights,
                                  float* trained_bias, float* input_delta) {
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
  return params;
}

}  // namespace

TEST_ABI void abi_conv_2d_grad(const int32_t* shape, float step, const float* delta,
                               const float* input, const float* weights, float* trained_weights,
                               float* trained_bias, float* input_delta) {
  tinyprop::Conv2DGrad(ParamsOf(shape, step, delta, input, weights, trained_weights, trained_bias,
                                input_delta));
}

TEST_ABI void abi_depthwise_conv_2d_grad(const int32_t* shape, float step, const float* delta,
                                         const float* input, const float* weights,
                                         float* trained_weights, float* trained_bias,
                                         float* input_delta) {
  tinyprop::DepthwiseConv2DGrad(ParamsOf(shape, step, delta, input, weights, trained_weights,
                                         trained_bias, input_delta));
}

TEST_ABI void abi_transpose_conv_grad(const int32_t* shape, float step, const float* delta,
                                      const float* input, const float* weights, float* trained_weights,
                                      float* trained_bias, float* input_delta) {
  tinyprop::TransposeConvGrad(ParamsOf(shape, step, delta, input, weights, trained_weights, trained_bias,
                                       input_delta));
}
