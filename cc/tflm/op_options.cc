#include "cc/tflm/op_options.h"

#include <cstring>

namespace tinyprop {

OptionsError CopyOptions(const char* buffer, size_t length, Span<const uint16_t> bytes, void* options) {
  struct {
    uint16_t version, size;
  } header;
  if (buffer == nullptr || length < sizeof header) return OptionsError::kDamaged;
  std::memcpy(&header, buffer, sizeof header);
  // A newer version is reported as such even if its size differs.
  if (header.version > bytes.size) return OptionsError::kNewerVersion;
  if (header.version == 0 || header.size != length) return OptionsError::kDamaged;
  const size_t known = bytes[header.version - 1];
  if (length - sizeof header < known) return OptionsError::kDamaged;
  std::memcpy(options, buffer + sizeof header, known);
  return OptionsError::kNone;
}

}  // namespace tinyprop
