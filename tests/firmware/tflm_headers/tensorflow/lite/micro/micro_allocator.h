// Stand-in: tests/firmware/tflm_headers/README.md.
#ifndef TFLM_STAND_IN_MICRO_ALLOCATOR_H_
#define TFLM_STAND_IN_MICRO_ALLOCATOR_H_

#include <cstddef>
#include <cstdint>

#include "stand_in_namespace.h"

TFLM_CC_BEGIN

class MicroAllocator {
 public:
  static MicroAllocator* Create(uint8_t* tensor_arena, size_t arena_size);
};

TFLM_CC_END

#endif  // TFLM_STAND_IN_MICRO_ALLOCATOR_H_
