// The ops' messages, formatted as the plugin does and thrown away: there are thousands a second.
#include <cstdarg>
#include <cstdio>

#include "cc/tflm/tflm_api.h"

namespace tinyprop {
namespace host_abi {

void MicroPrintf(const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
}

}  // namespace host_abi
}  // namespace tinyprop
