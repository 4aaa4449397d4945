// Stand-in: tests/firmware/tflm_headers/README.md.
#ifndef TFLM_STAND_IN_MICRO_LOG_H_
#define TFLM_STAND_IN_MICRO_LOG_H_

#if defined(TF_LITE_STRIP_ERROR_STRINGS)
#define MicroPrintf(...)
#else
// The attribute makes the compiler check formats.
__attribute__((format(printf, 1, 2))) void MicroPrintf(const char* format, ...);
#endif

#endif  // TFLM_STAND_IN_MICRO_LOG_H_
