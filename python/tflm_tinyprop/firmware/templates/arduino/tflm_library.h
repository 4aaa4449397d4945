// Yours to adapt: the header by which Arduino finds the library that brings TFLM. Libraries that are generated from
// TFLM have TensorFlowLite.h. ESP32's core has TFLM built in for some chips and needs none.
#ifndef TFLM_LIBRARY_H_
#define TFLM_LIBRARY_H_

#if !defined(ARDUINO_ARCH_ESP32)
#include <TensorFlowLite.h>
#endif

#endif  // TFLM_LIBRARY_H_
