#include "cc/tflm/pool_shape.h"

namespace tinyprop {

Pool2DShape PoolShapeOf(const PoolGradOptions& options, api::Tensor delta,
                        api::Tensor input) {
  Pool2DShape shape;
  shape.batch = input.dims()[0];
  shape.input_height = input.dims()[1];
  shape.input_width = input.dims()[2];
  shape.output_height = delta.dims()[1];
  shape.output_width = delta.dims()[2];
  shape.channels = input.dims()[3];
  shape.filter_height = options.filter_height;
  shape.filter_width = options.filter_width;
  shape.stride_height = options.window.stride_height;
  shape.stride_width = options.window.stride_width;
  shape.pad_top = options.window.pad_top;
  shape.pad_left = options.window.pad_left;
  return shape;
}

void CheckPool(const PoolGradOptions& options, api::Tensor delta, api::Tensor input,
               api::Tensor gate, TensorChecker* check) {
  if (!check->ok()) return;
  check->Require(delta.rank() == 4 && input.rank() == 4,
                 "needs maps of shape [batch, height, width, channels]");
  if (!check->ok()) return;
  check->Require(delta.dims()[0] == input.dims()[0] && delta.dims()[3] == input.dims()[3],
                 "needs maps of one batch and one number of channels");
  check->Require(delta.dims()[0] % gate.size() == 0, "needs a delta that the batch divides");
  check->Require(options.window.dilation_height == 1 && options.window.dilation_width == 1,
                 "has a dilation, which pooling has not");
  check->Require(EveryWindowHasATap(PoolShapeOf(options, delta, input)),
                 "has a window that lies outside the map");
}

}  // namespace tinyprop
