// Stand-in: tests/firmware/tflm_headers/README.md.
#ifndef TFLM_STAND_IN_MICRO_RESOURCE_VARIABLE_H_
#define TFLM_STAND_IN_MICRO_RESOURCE_VARIABLE_H_

#include "tensorflow/lite/micro/micro_allocator.h"

TFLM_CC_BEGIN

class MicroResourceVariables {
 public:
  static MicroResourceVariables* Create(MicroAllocator* allocator, int num_variables);
};

TFLM_CC_END

#endif  // TFLM_STAND_IN_MICRO_RESOURCE_VARIABLE_H_
