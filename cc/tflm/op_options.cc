#include "cc/tflm/op_options.h"

#include "cc/core/activation.h"

namespace tinyprop {
namespace {

constexpr size_t kHeaderBytes = 4;

uint8_t U8(const char* p) { return static_cast<uint8_t>(*p); }

uint16_t U16(const char* p) { return static_cast<uint16_t>(U8(p) | (U8(p + 1) << 8)); }

// A newer version is reported as such even if its size differs.
OptionsError CheckHeader(const char* buffer, size_t length, size_t expected) {
  if (buffer == nullptr || length < kHeaderBytes) return OptionsError::kDamaged;
  const uint16_t version = U16(buffer);
  if (version > kOptionsVersion) return OptionsError::kNewerVersion;
  if (version == 0 || length != expected || U16(buffer + 2) != expected) {
    return OptionsError::kDamaged;
  }
  return OptionsError::kNone;
}

}  // namespace

OptionsError Parse(const char* buffer, size_t length, InitializeOptions* options) {
  const OptionsError error = CheckHeader(buffer, length, kHeaderBytes + 4);
  if (error != OptionsError::kNone) return error;
  options->model_inputs = U16(buffer + 4);
  options->variables = U16(buffer + 6);
  return OptionsError::kNone;
}

OptionsError Parse(const char* buffer, size_t length, LossOptions* options) {
  const OptionsError error = CheckHeader(buffer, length, kHeaderBytes + 2);
  if (error != OptionsError::kNone) return error;
  options->label_kind = U8(buffer + 4);
  options->fused_activation = U8(buffer + 5);
  const bool known = options->label_kind <= 1 && IsSupportedActivation(options->fused_activation);
  return known ? OptionsError::kNone : OptionsError::kUnknownValue;
}

OptionsError Parse(const char* buffer, size_t length, DecisionOptions*) {
  return CheckHeader(buffer, length, kHeaderBytes);
}

OptionsError Parse(const char* buffer, size_t length, LayerGradOptions* options) {
  const OptionsError error = CheckHeader(buffer, length, kHeaderBytes + 6);
  if (error != OptionsError::kNone) return error;
  options->fused_activation = U8(buffer + 4);
  options->flags = U8(buffer + 5);
  options->layer = U16(buffer + 6);
  options->layers_above = U16(buffer + 8);
  const bool known = IsSupportedActivation(options->fused_activation) && options->flags < 8 &&
                     options->layer >= 1;
  return known ? OptionsError::kNone : OptionsError::kUnknownValue;
}

}  // namespace tinyprop
