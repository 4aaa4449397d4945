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

const api::Registration& RegisterInitialize();
const api::Registration& RegisterSoftmaxCrossEntropy();
const api::Registration& RegisterMeanSquaredError();
const api::Registration& RegisterDecision();
const api::Registration& RegisterFullyConnectedGrad();

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_REGISTRATIONS_H_
