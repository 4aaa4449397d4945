// TFLM's types as the tflite-micro wheel for x86-64 Linux lays them out in memory.
//
// A wheel ships no headers, so the host plugin declares the part of the binary interface it uses. All
// offsets were established by experiment on wheels from December 2024 to October 2026; cc/host checks
// what can be checked before anything is written. Firmware never includes this file: TFLM's own
// headers replace it (cc/tflm/tflm_api.h).
#ifndef TINYPROP_CC_TFLM_HOST_ABI_H_
#define TINYPROP_CC_TFLM_HOST_ABI_H_

#include <cstddef>
#include <cstdint>

namespace tinyprop {
namespace host_abi {

enum TfLiteStatus : int { kTfLiteOk = 0, kTfLiteError = 1 };

enum TfLiteType : int {
  kTfLiteNoType = 0,
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteUInt8 = 3,
  kTfLiteBool = 6,
  kTfLiteInt16 = 7,
  kTfLiteInt8 = 9,
};

struct TfLiteIntArray {
  int size;
  int data[1];  // `size` elements follow
};

struct TfLiteEvalTensor {
  union {
    void* data;
    float* f;
    int32_t* i32;
  } data;
  TfLiteIntArray* dims;
  TfLiteType type;
};

struct TfLiteNode {
  TfLiteIntArray* inputs;
  TfLiteIntArray* outputs;
  TfLiteIntArray* intermediates;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
};

// Only words are read from a context: which word holds the MicroContext depends on the wheel.
struct TfLiteContext {
  void* words[4];
};

struct TFLMRegistration {
  void* (*init)(TfLiteContext* context, const char* buffer, size_t length);
  void (*free)(TfLiteContext* context, void* buffer);
  TfLiteStatus (*prepare)(TfLiteContext* context, TfLiteNode* node);
  TfLiteStatus (*invoke)(TfLiteContext* context, TfLiteNode* node);
  void (*reset)(TfLiteContext* context, void* buffer);
  int32_t builtin_code;
  const char* custom_name;
};

// A MicroContext reached through its vtable (Itanium C++ ABI).
class MicroContext {
 public:
  void* AllocatePersistentBuffer(size_t bytes) {
    return Call<void*>(2, bytes);
  }
  TfLiteStatus RequestScratchBufferInArena(size_t bytes, int* index) {
    return Call<TfLiteStatus>(3, bytes, index);
  }
  void* GetScratchBuffer(int index) {
    return Call<void*>(4, index);
  }
  TfLiteEvalTensor* GetEvalTensor(int tensor_index) {
    return Call<TfLiteEvalTensor*>(9, tensor_index);
  }

 private:
  template <typename Result, typename... Arguments>
  Result Call(int slot, Arguments... arguments) {
    using Method = Result (*)(MicroContext*, Arguments...);
    Method method;
    static_assert(sizeof method == sizeof *vtable_, "code and data pointers have one size");
    __builtin_memcpy(&method, &vtable_[slot], sizeof method);
    return method(this, arguments...);
  }

  void* const* vtable_;
};

// Until September 2026 a context begins with three words of fields, of which TFLM leaves the first null,
// and the MicroContext (impl_) is word 3; from October 2026 impl_ is the only field.
inline MicroContext* GetMicroContext(const TfLiteContext* context) {
  void* const impl = context->words[0] != nullptr ? context->words[0] : context->words[3];
  return static_cast<MicroContext*>(impl);
}

// Writes one line to stderr, where the wheel's own messages go.
void MicroPrintf(const char* format, ...) __attribute__((format(printf, 1, 2)));

static_assert(sizeof(void*) == 8, "the wheel's interface is known for 64-bit machines only");
static_assert(offsetof(TfLiteEvalTensor, dims) == 8 && offsetof(TfLiteEvalTensor, type) == 16 &&
                  sizeof(TfLiteEvalTensor) == 24,
              "TfLiteEvalTensor");
static_assert(offsetof(TfLiteNode, user_data) == 24 &&
                  offsetof(TfLiteNode, custom_initial_data_size) == 48,
              "TfLiteNode");
static_assert(offsetof(TFLMRegistration, reset) == 32 &&
                  offsetof(TFLMRegistration, builtin_code) == 40 && sizeof(TFLMRegistration) == 56,
              "TFLMRegistration");

}  // namespace host_abi
}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_HOST_ABI_H_
