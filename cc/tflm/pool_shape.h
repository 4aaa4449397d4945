// What the gradients of both pooling ops read from their options and tensors.
#ifndef TINYPROP_CC_TFLM_POOL_SHAPE_H_
#define TINYPROP_CC_TFLM_POOL_SHAPE_H_

#include "cc/core/pool_2d.h"
#include "cc/tflm/op_support.h"

namespace tinyprop {

// delta: [B, OH, OW, C]. input: [B, IH, IW, C], or any tensor of that shape. Both of rank 4.
Pool2DShape PoolShapeOf(const PoolGradOptions& options, api::Tensor delta,
                        api::Tensor input);

// Checks that the tensors are maps that fit together and the options, so that no window leaves a map.
// Nothing is checked if `check` has failed before.
void CheckPool(const PoolGradOptions& options, api::Tensor delta, api::Tensor input,
               api::Tensor gate, TensorChecker* check);

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_POOL_SHAPE_H_
