// Stand-in: tests/firmware/tflm_headers/README.md.
#ifndef TFLM_STAND_IN_C_COMMON_H_
#define TFLM_STAND_IN_C_COMMON_H_

#include <cstddef>
#include <cstdint>

#include "stand_in_namespace.h"

#if !defined(TF_LITE_STATIC_MEMORY)
#error "TF_LITE_STATIC_MEMORY has to be set for all sources"
#endif

TFLM_C_BEGIN

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1, kTfLiteAbort = 15 };

enum TfLiteType {
  kTfLiteNoType = 0,
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteUInt8 = 3,
  kTfLiteInt64 = 4,
  kTfLiteBool = 6,
  kTfLiteInt16 = 7,
  kTfLiteInt8 = 9,
};

struct TfLiteIntArray {
  int size;
  int data[];
};

union TfLitePtrUnion {
  void* data;
  float* f;
  int32_t* i32;
  int8_t* int8;
};

struct TfLiteEvalTensor {
  TfLitePtrUnion data;
  TfLiteIntArray* dims;
  TfLiteType type;
};

struct TfLiteTensor {
  TfLitePtrUnion data;
  TfLiteIntArray* dims;
  size_t bytes;
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

struct TfLiteContext {
  void* impl_;
};

TFLM_C_END

#endif  // TFLM_STAND_IN_C_COMMON_H_
