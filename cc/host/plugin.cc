// The host plugin: a shared library that adds TinyProp's ops to the interpreter of the tflite-micro
// wheel. Python loads it with RTLD_GLOBAL and names the registerer below to Interpreter.from_bytes.
#include <cstdarg>
#include <cstdio>

#include "cc/host/wheel_resolver.h"
#include "tflm_tinyprop/ops.h"

namespace tinyprop {
namespace host_abi {

void MicroPrintf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::fflush(stderr);
}

}  // namespace host_abi
}  // namespace tinyprop

#define TINYPROP_EXPORT extern "C" __attribute__((visibility("default")))

// Registerer in the wheel's sense: adds all ops, false if that is impossible. Writes nothing unless the
// resolver has the known layout.
TINYPROP_EXPORT bool TinyPropRegisterOps(void* resolver) {
  tinyprop::WheelResolver wheel(resolver);
  if (!wheel.LayoutIsKnown()) {
    TINYPROP_LOG("tflm_tinyprop: this tflite-micro wheel has an unknown op resolver; run `tinyprop doctor`.");
    return false;
  }
  return tinyprop::RegisterTinyPropOps(wheel) == tinyprop::api::kOk;
}

// Version of the interface between this library and the Python package.
TINYPROP_EXPORT int TinyPropPluginVersion() { return 1; }
