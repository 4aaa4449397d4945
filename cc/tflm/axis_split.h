// A tensor as [outer, axes, inner]: what ops along one axis, or a few side by side, see of it.
#ifndef TINYPROP_CC_TFLM_AXIS_SPLIT_H_
#define TINYPROP_CC_TFLM_AXIS_SPLIT_H_

#include "cc/tflm/tflm_api.h"

namespace tinyprop {

struct AxisSplit {
  int32_t outer = 1, axes = 1, inner = 1;
};

// Of a tensor that passed TensorChecker::Check, so that no product overflows. first + count <= rank.
inline AxisSplit SplitAxes(api::Tensor tensor, int first, int count) {
  AxisSplit split;
  for (int axis = 0; axis < tensor.rank(); ++axis) {
    (axis < first ? split.outer : axis < first + count ? split.axes : split.inner) *= tensor.dims()[axis];
  }
  return split;
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_AXIS_SPLIT_H_
