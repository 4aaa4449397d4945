// Every function of cc/core behind a C interface, for the Python tests (tests/python/core/abi.py).
//
// Plain pointers, ints and floats: an array comes as its pointer and its element count, the control as
// its 8 floats. Not part of the product.
#include "cc/core/activation.h"
#include "cc/core/adaptive_rate.h"
#include "cc/core/average_pool_2d_grad.h"
#include "cc/core/binary_cross_entropy.h"
#include "cc/core/decision.h"
#include "cc/core/float_bits.h"
#include "cc/core/fully_connected_grad.h"
#include "cc/core/huber.h"
#include "cc/core/max_pool_2d_grad.h"
#include "cc/core/reduce_max_grad.h"
#include "cc/core/scatter_add.h"
#include "cc/core/mean_absolute_error.h"
#include "cc/core/mean_squared_error.h"
#include "cc/core/sample_status.h"
#include "cc/core/selection.h"
#include "cc/core/softmax_cross_entropy.h"
#include "cc/core/softmax_grad.h"
#include "cc/core/sparsify.h"
#include "cc/core/vector_ops.h"

#define TEST_ABI extern "C" __attribute__((visibility("default")))

namespace {

using tinyprop::Span;

tinyprop::Control ControlOf(const float* control) {
  return {control[0], control[1], control[2], control[3],
          control[4], control[5], control[6], control[7]};
}

// The fields in their order.
tinyprop::Pool2DShape PoolShapeOf(const int32_t* shape) {
  return {shape[0], shape[1], shape[2], shape[3], shape[4],  shape[5],
          shape[6], shape[7], shape[8], shape[9], shape[10], shape[11]};
}

}  // namespace

TEST_ABI int32_t abi_all_finite(const float* values, int32_t n) {
  return tinyprop::AllFinite({values, n});
}

TEST_ABI int32_t abi_is_training(const float* control) { return ControlOf(control).IsTraining(); }

TEST_ABI int32_t abi_is_valid_config(const float* control) { return ControlOf(control).IsValid(); }

TEST_ABI void abi_activation_grad(int32_t activation, const float* output, int32_t output_size,
                                  float* delta, int32_t n) {
  tinyprop::ActivationGrad(static_cast<tinyprop::Activation>(activation), {output, output_size},
                           {delta, n});
}

TEST_ABI void abi_elementwise_activation_grad(int32_t kind, float slope, const float* reference,
                                              int32_t reference_size, float* delta, int32_t n) {
  tinyprop::ElementwiseActivationGrad(static_cast<tinyprop::ElementwiseActivation>(kind), slope,
                                      {reference, reference_size}, {delta, n});
}

TEST_ABI int32_t abi_every_window_has_a_tap(const int32_t* shape) {
  return tinyprop::EveryWindowHasATap(PoolShapeOf(shape));
}

TEST_ABI void abi_average_pool_2d_grad(const int32_t* shape, const float* delta,
                                       float* input_delta) {
  tinyprop::AveragePool2DGrad(PoolShapeOf(shape), delta, input_delta);
}

TEST_ABI void abi_max_pool_2d_grad(const int32_t* shape, const float* delta, const float* input,
                                   const float* output, float* input_delta) {
  tinyprop::MaxPool2DGrad(PoolShapeOf(shape), delta, input, output, input_delta);
}

TEST_ABI void abi_reduce_max_grad(const int32_t* shape, const float* delta, const float* input,
                                  const float* output, float* input_delta) {
  tinyprop::ReduceMaxGrad({shape[0], shape[1], shape[2]}, delta, input, output, input_delta);
}

TEST_ABI void abi_scatter_add(const int32_t* shape, const float* delta, const int32_t* indices,
                              const float* weights, float* input_delta) {
  tinyprop::ScatterAdd({shape[0], shape[1], shape[2], shape[3], shape[4]}, delta, indices, weights,
                       input_delta);
}

TEST_ABI void abi_softmax_grad(float beta, int32_t classes, const float* output, float* delta,
                               int32_t n) {
  tinyprop::SoftmaxGrad(beta, classes, {output, n}, {delta, n});
}

TEST_ABI float abi_local_error(const float* delta, int32_t n) {
  return tinyprop::LocalError({delta, n});
}

TEST_ABI float abi_update_running_maximum(float running_maximum, float largest, float decay) {
  return tinyprop::UpdateRunningMaximum(running_maximum, largest, decay);
}

TEST_ABI float abi_relative_error(float local_error, float running_maximum) {
  return tinyprop::RelativeError(local_error, running_maximum);
}

TEST_ABI float abi_error_propagation_rate(const float* control, float relative_error,
                                          int32_t layers_above) {
  return tinyprop::ErrorPropagationRate(ControlOf(control), relative_error, layers_above);
}

TEST_ABI int32_t abi_gradient_count(float rate, int32_t n, float local_error) {
  return tinyprop::GradientCount(rate, n, local_error);
}

TEST_ABI float abi_decision_metric(const float* control, float relative_error) {
  return tinyprop::DecisionMetric(ControlOf(control), relative_error);
}

TEST_ABI void abi_decide(const float* control, const int32_t* input_finite, const float* loss,
                         const float* delta, int32_t delta_size, float bound, float* running_maximum,
                         int32_t* gate, int32_t batch, float* statistics) {
  tinyprop::Decide(ControlOf(control),
                   {{input_finite, batch}, {loss, batch}, {delta, delta_size}, bound}, running_maximum,
                   {gate, batch}, {statistics, batch});
}

TEST_ABI void abi_keep_top_k(int32_t k, float* values, int32_t n) {
  tinyprop::KeepTopK(k, {values, n});
}

TEST_ABI int32_t abi_sparsify_delta(const float* control, int32_t row, int32_t layers_above,
                                    int32_t shares_decision, int32_t macs_per_gradient,
                                    int32_t activation, const float* input, int32_t input_size,
                                    const float* output, int32_t output_size, float* delta,
                                    int32_t delta_size, int32_t* gate, int32_t batch,
                                    float* running_maximum, float* statistics) {
  tinyprop::LayerPosition position;
  position.row = row;
  position.layers_above = layers_above;
  position.shares_decision = shares_decision != 0;
  position.macs_per_gradient = macs_per_gradient;
  const tinyprop::LayerTensors tensors = {
      {input, input_size}, {output, output_size}, {delta, delta_size}};
  return tinyprop::SparsifyDelta(ControlOf(control), position,
                                 static_cast<tinyprop::Activation>(activation), tensors,
                                 {gate, batch}, running_maximum, {statistics, batch});
}

TEST_ABI void abi_fully_connected_grad(int32_t rows, int32_t inputs, int32_t units, float step,
                                       const float* delta, const float* input, const float* weights,
                                       float* trained_weights, float* trained_bias,
                                       float* input_delta) {
  tinyprop::FullyConnectedGradParams params;
  params.rows = rows;
  params.inputs = inputs;
  params.units = units;
  params.step = step;
  params.delta = delta;
  params.input = input;
  params.weights = trained_weights != nullptr ? trained_weights : weights;
  params.trained_weights = trained_weights;
  params.trained_bias = trained_bias;
  params.input_delta = input_delta;
  tinyprop::FullyConnectedGrad(params);
}

TEST_ABI float abi_softmax_cross_entropy_sparse(const float* logits, int32_t label, float label_smoothing, float* delta,
                                                int32_t n) {
  return tinyprop::SoftmaxCrossEntropySparse({logits, n}, label, label_smoothing, {delta, n});
}

TEST_ABI float abi_softmax_cross_entropy_dense(const float* logits, const float* label, float label_smoothing,
                                               float* delta, int32_t n) {
  return tinyprop::SoftmaxCrossEntropyDense({logits, n}, {label, n}, label_smoothing, {delta, n});
}

TEST_ABI float abi_mean_squared_error(const float* output, const float* target, float* delta,
                                      int32_t n) {
  return tinyprop::MeanSquaredError({output, n}, {target, n}, {delta, n});
}

TEST_ABI float abi_binary_cross_entropy(const float* logits, const float* label, float label_smoothing, float* delta,
                                        int32_t n) {
  return tinyprop::BinaryCrossEntropy({logits, n}, {label, n}, label_smoothing, {delta, n});
}

TEST_ABI float abi_mean_absolute_error(const float* output, const float* target, float* delta, int32_t n) {
  return tinyprop::MeanAbsoluteError({output, n}, {target, n}, {delta, n});
}

TEST_ABI float abi_huber(const float* output, const float* target, float threshold, float* delta, int32_t n) {
  return tinyprop::Huber({output, n}, {target, n}, threshold, {delta, n});
}

TEST_ABI void abi_add_scaled(int32_t n, float a, const float* x, float* y) {
  tinyprop::AddScaled(n, a, x, y);
}

// x: `count` arrays of `size` elements.
TEST_ABI void abi_add_scaled_rows(int32_t count, int32_t rows, int32_t n, const float* a, const float* x,
                                  int32_t size, int32_t x_step, float* y, int32_t y_step) {
  tinyprop::ScaledArrays arrays;
  for (int32_t i = 0; i < count; ++i) arrays.Push(a[i], x + i * size);
  tinyprop::AddScaledRows(&arrays, rows, n, x_step, y, y_step);
}

TEST_ABI void abi_hand_down_and_update(int32_t n, float d, float a, const float* x, float* w,
                                       float* dx) {
  tinyprop::HandDownAndUpdate(n, d, a, x, w, dx);
}
