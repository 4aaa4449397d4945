// Stand-in: tests/firmware/tflm_headers/README.md. The accessors of a flatbuffer that this project calls.
#ifndef TFLM_STAND_IN_SCHEMA_GENERATED_H_
#define TFLM_STAND_IN_SCHEMA_GENERATED_H_

#include <cstdint>

#include "stand_in_namespace.h"

namespace flatbuffers {

struct String {
  const char* c_str() const;
};

template <typename T>
struct Vector {
  uint32_t size() const;
  const T* Get(uint32_t index) const;
  const T* data() const;
};

}  // namespace flatbuffers

TFLM_CC_BEGIN

struct Metadata {
  const flatbuffers::String* name() const;
  uint32_t buffer() const;
};

struct Buffer {
  const flatbuffers::Vector<uint8_t>* data() const;
};

struct Model {
  uint32_t version() const;
  const flatbuffers::Vector<Metadata>* metadata() const;
  const flatbuffers::Vector<Buffer>* buffers() const;
};

const Model* GetModel(const void* data);

TFLM_CC_END

#endif  // TFLM_STAND_IN_SCHEMA_GENERATED_H_
