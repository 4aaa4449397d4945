// Stand-in: tests/firmware/tflm_headers/README.md.
#ifndef TFLM_STAND_IN_MICRO_OP_RESOLVER_H_
#define TFLM_STAND_IN_MICRO_OP_RESOLVER_H_

#include "tensorflow/lite/micro/micro_common.h"

TFLM_CC_BEGIN

class MicroOpResolver {};

TFLM_CC_END

#endif  // TFLM_STAND_IN_MICRO_OP_RESOLVER_H_
