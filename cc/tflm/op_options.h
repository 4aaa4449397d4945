// Custom options: the small struct that the converter stores with every op (cc/core/wire_format.h).
//
// In front of it stand {uint16 version, uint16 size}, size counting all bytes. Files are little-endian, as TFLM's targets are,
// and the structs have no padding, so that options are copied as they lie; the buffer need not be aligned.
#ifndef TINYPROP_CC_TFLM_OP_OPTIONS_H_
#define TINYPROP_CC_TFLM_OP_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "cc/core/span.h"
#include "cc/core/wire_format.h"

namespace tinyprop {

enum class OptionsError : uint8_t { kNone, kDamaged, kNewerVersion, kUnknownValue };

// Copies the fields that the file's version has to `options`. bytes: of each known version.
OptionsError CopyOptions(const char* buffer, size_t length, Span<const uint16_t> bytes, void* options);

// Fields that the file is too old for keep their defaults; bytes behind the known ones are ignored. Never reads past `length`.
template <typename Options>
OptionsError Parse(const char* buffer, size_t length, Options* options) {
  constexpr int32_t kVersions = sizeof Options::kBytes / sizeof *Options::kBytes;
  const OptionsError error = CopyOptions(buffer, length, {Options::kBytes, kVersions}, options);
#if !defined(TINYPROP_STRIP_CHECKS)
  if (error == OptionsError::kNone && !IsKnown(*options)) return OptionsError::kUnknownValue;
#endif
  return error;
}

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_OP_OPTIONS_H_
