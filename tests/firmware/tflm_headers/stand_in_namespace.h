// Opens and closes the namespaces that TFLM's names are in: see README.md.
#ifndef TFLM_STAND_IN_NAMESPACE_H_
#define TFLM_STAND_IN_NAMESPACE_H_

#if defined(TFLM_STAND_IN_NEW_NAMESPACE)
#define TFLM_C_BEGIN namespace tflite { namespace micro {
#define TFLM_C_END } }
#define TFLM_CC_BEGIN namespace tflite { namespace micro {
#define TFLM_CC_END } }
#else
#define TFLM_C_BEGIN
#define TFLM_C_END
#define TFLM_CC_BEGIN namespace tflite {
#define TFLM_CC_END }
#endif

#endif  // TFLM_STAND_IN_NAMESPACE_H_
