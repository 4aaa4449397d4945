// Prepare and Invoke of the gradient ops of convolutions, which differ in the layout of their weights.
#ifndef TINYPROP_CC_TFLM_CONV_GRAD_H_
#define TINYPROP_CC_TFLM_CONV_GRAD_H_

#include "cc/core/conv_shape.h"
#include "cc/tflm/op_support.h"

namespace tinyprop {

enum class ConvType : uint8_t {
  kPlain,       // weights [OC, KH, KW, IC]
  kDepthwise,   // weights [1, KH, KW, OC]
  kTransposed,  // weights [OC, KH, KW, IC]; the filter slides over the output, at a position for each element of the input
};

struct ConvKind {
  const char* name;  // of the op
  ConvType type;
  void (*grad)(const ConvGradParams& params);
  int64_t (*scratch)(const ConvShape& shape);  // floats that it needs if it trains weights or bias
};

template <>
struct OpData<ConvGradOptions> {
  ConvGradOptions options;
  OptionsError error = OptionsError::kNone;
  int scratch = -1;  // index; -1 if the layer is frozen
};

api::Status PrepareConvGrad(const ConvKind& kind, api::Context* context, api::Node* node);
api::Status InvokeConvGrad(const ConvKind& kind, api::Context* context, api::Node* node);

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_CONV_GRAD_H_
