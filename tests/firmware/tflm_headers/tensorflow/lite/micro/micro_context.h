// Stand-in: tests/firmware/tflm_headers/README.md.
#ifndef TFLM_STAND_IN_MICRO_CONTEXT_H_
#define TFLM_STAND_IN_MICRO_CONTEXT_H_

#include "tensorflow/lite/c/common.h"

TFLM_CC_BEGIN

class MicroContext {
 public:
  virtual void* AllocatePersistentBuffer(size_t bytes) = 0;
  virtual TfLiteStatus RequestScratchBufferInArena(size_t bytes, int* buffer_index) = 0;
  virtual void* GetScratchBuffer(int buffer_index) = 0;
  virtual TfLiteEvalTensor* GetEvalTensor(int tensor_index) = 0;

 protected:
  ~MicroContext() = default;
};

inline MicroContext* GetMicroContext(const TfLiteContext* context) {
  return static_cast<MicroContext*>(context->impl_);
}

TFLM_CC_END

#endif  // TFLM_STAND_IN_MICRO_CONTEXT_H_
