// Arduino finds a library by a header in its src folder: this one.
#ifndef TFLM_TINYPROP_ARDUINO_H_
#define TFLM_TINYPROP_ARDUINO_H_

#include "tflm_tinyprop/ops.h"
#include "tflm_tinyprop/trainer.h"
#include "tflm_tinyprop/weight_store.h"

#endif  // TFLM_TINYPROP_ARDUINO_H_
