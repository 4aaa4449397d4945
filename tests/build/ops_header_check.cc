// Compiled, never run: the public header with TFLM's own types. TFLM's MicroMutableOpResolver would need
// gemmlowp and ruy on top of the checkout, so a class with the same AddCustom stands in for it.
#include "tflm_tinyprop/ops.h"

struct Resolver {
  tinyprop::api::Status AddCustom(const char*, const tinyprop::api::Registration*) {
    return tinyprop::api::kOk;
  }
};

tinyprop::api::Status RegisterOpsForFirmware() {
  Resolver resolver;
  return tinyprop::RegisterTinyPropOps(resolver);
}
