// Names and registrations of all TinyProp ops. One function per op; each lives in the op's own file.
#ifndef TINYPROP_CC_TFLM_REGISTRATIONS_H_
#define TINYPROP_CC_TFLM_REGISTRATIONS_H_

#include "cc/tflm/tflm_api.h"

namespace tinyprop {

// TFLM keeps the pointers, so they must be literals.
constexpr char kInitializeName[] = "TinyPropInitialize";
constexpr char kSoftmaxCrossEntropyName[] = "TinyPropSoftmaxCrossEntropy";
constexpr char kMeanSquaredErrorName[] = "TinyPropMeanSquaredError";
constexpr char kDecisionName[] = "TinyPropDecision";
constexpr char kFullyConnectedGradName[] = "TinyPropFullyConnectedGrad";
constexpr char kConv2DGradName[] = "TinyPropConv2DGrad";
constexpr char kDepthwiseConv2DGradName[] = "TinyPropDepthwiseConv2DGrad";
constexpr char kAveragePool2DGradName[] = "TinyPropAveragePool2DGrad";
constexpr char kMaxPool2DGradName[] = "TinyPropMaxPool2DGrad";
constexpr char kActivationGradName[] = "TinyPropActivationGrad";
constexpr char kSoftmaxGradName[] = "TinyPropSoftmaxGrad";

const api::Registration& RegisterInitialize();
const api::Registration& RegisterSoftmaxCrossEntropy();
const api::Registration& RegisterMeanSquaredError();
const api::Registration& RegisterDecision();
const api::Registration& RegisterFullyConnectedGrad();
const api::Registration& RegisterConv2DGrad();
const api::Registration& RegisterDepthwiseConv2DGrad();
const api::Registration& RegisterAveragePool2DGrad();
const api::Registration& RegisterMaxPool2DGrad();
const api::Registration& RegisterActivationGrad();
const api::Registration& RegisterSoftmaxGrad();

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_REGISTRATIONS_H_
