#include "cc/tflm/op_options.h"

#include <cstring>

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

constexpr size_t kLayerBytes = 6;
constexpr size_t kWindowBytes = 12;

float F32(const char* p) {
  float value;
  std::memcpy(&value, p, sizeof value);  // all of TFLM's targets are little-endian
  return value;
}

OptionsError ParseLayer(const char* p, LayerGradOptions* options) {
  options->fused_activation = U8(p);
  options->flags = U8(p + 1);
  options->layer = U16(p + 2);
  options->layers_above = U16(p + 4);
  const bool known = IsSupportedActivation(options->fused_activation) && options->flags < 8 &&
                     options->layer >= 1;
  return known ? OptionsError::kNone : OptionsError::kUnknownValue;
}

OptionsError ParseWindow(const char* p, WindowOptions* options) {
  options->stride_height = U16(p);
  options->stride_width = U16(p + 2);
  options->dilation_height = U16(p + 4);
  options->dilation_width = U16(p + 6);
  options->pad_top = U16(p + 8);
  options->pad_left = U16(p + 10);
  const bool known = options->stride_height >= 1 && options->stride_width >= 1 &&
                     options->dilation_height >= 1 && options->dilation_width >= 1;
  return known ? OptionsError::kNone : OptionsError::kUnknownValue;
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
  const OptionsError error = CheckHeader(buffer, length, kHeaderBytes + kLayerBytes);
  return error != OptionsError::kNone ? error : ParseLayer(buffer + kHeaderBytes, options);
}

OptionsError Parse(const char* buffer, size_t length, ConvGradOptions* options) {
  const OptionsError error =
      CheckHeader(buffer, length, kHeaderBytes + kLayerBytes + kWindowBytes);
  if (error != OptionsError::kNone) return error;
  const OptionsError layer_error = ParseLayer(buffer + kHeaderBytes, &options->layer);
  if (layer_error != OptionsError::kNone) return layer_error;
  return ParseWindow(buffer + kHeaderBytes + kLayerBytes, &options->window);
}

OptionsError Parse(const char* buffer, size_t length, PoolGradOptions* options) {
  const OptionsError error = CheckHeader(buffer, length, kHeaderBytes + 4 + kWindowBytes);
  if (error != OptionsError::kNone) return error;
  options->filter_height = U16(buffer + 4);
  options->filter_width = U16(buffer + 6);
  if (options->filter_height < 1 || options->filter_width < 1) return OptionsError::kUnknownValue;
  return ParseWindow(buffer + 8, &options->window);
}

OptionsError Parse(const char* buffer, size_t length, ActivationGradOptions* options) {
  const OptionsError error = CheckHeader(buffer, length, kHeaderBytes + 8);
  if (error != OptionsError::kNone) return error;
  options->kind = U8(buffer + 4);  // three bytes of padding follow
  options->slope = F32(buffer + 8);
  return IsElementwiseActivation(options->kind) ? OptionsError::kNone : OptionsError::kUnknownValue;
}

OptionsError Parse(const char* buffer, size_t length, SoftmaxGradOptions* options) {
  const OptionsError error = CheckHeader(buffer, length, kHeaderBytes + 4);
  if (error != OptionsError::kNone) return error;
  options->beta = F32(buffer + 4);
  return OptionsError::kNone;
}

}  // namespace tinyprop
