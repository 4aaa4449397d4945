// Custom options: the small struct that the converter stores with every op.
//
// Little-endian, not aligned, always {uint16 version, uint16 size} first, size counting all bytes.
// SPEC.md lists the fields of each op. The parsers copy byte by byte and never read past `length`.
#ifndef TINYPROP_CC_TFLM_OP_OPTIONS_H_
#define TINYPROP_CC_TFLM_OP_OPTIONS_H_

#include <cstddef>
#include <cstdint>

namespace tinyprop {

constexpr uint16_t kOptionsVersion = 1;

enum class OptionsError : uint8_t { kNone, kDamaged, kNewerVersion, kUnknownValue };

struct InitializeOptions {
  uint16_t model_inputs = 0;  // inputs that are checked for NaN and infinity
  uint16_t variables = 0;     // pairs (constant, variable)
};

struct LossOptions {
  uint8_t label_kind = 0;        // 0 class index, 1 same shape as the output
  uint8_t fused_activation = 0;  // of the op that made the output; see Activation
};

struct DecisionOptions {};

struct LayerGradOptions {
  static constexpr uint8_t kSharesDecision = 1;
  static constexpr uint8_t kUpdatesWeights = 2;
  static constexpr uint8_t kUpdatesBias = 4;

  uint8_t fused_activation = 0;
  uint8_t flags = 0;
  uint16_t layer = 0;         // l, from 1 at the input side: row of statistics and of the state
  uint16_t layers_above = 0;  // L - l
};

// A window that slides over the height and width of a map.
struct WindowOptions {
  uint16_t stride_height = 1;
  uint16_t stride_width = 1;
  uint16_t dilation_height = 1;
  uint16_t dilation_width = 1;
  uint16_t pad_top = 0;
  uint16_t pad_left = 0;
};

struct ConvGradOptions {
  LayerGradOptions layer;
  WindowOptions window;
};

struct PoolGradOptions {
  uint16_t filter_height = 1;
  uint16_t filter_width = 1;
  WindowOptions window;  // pooling has no dilation: 1
};

struct ActivationGradOptions {
  uint8_t kind = 0;    // see ElementwiseActivation
  float slope = 0.0f;  // of LEAKY_RELU for negative inputs
};

struct SoftmaxGradOptions {
  float beta = 1.0f;
};

OptionsError Parse(const char* buffer, size_t length, InitializeOptions* options);
OptionsError Parse(const char* buffer, size_t length, LossOptions* options);
OptionsError Parse(const char* buffer, size_t length, DecisionOptions* options);
OptionsError Parse(const char* buffer, size_t length, LayerGradOptions* options);
OptionsError Parse(const char* buffer, size_t length, ConvGradOptions* options);
OptionsError Parse(const char* buffer, size_t length, PoolGradOptions* options);
OptionsError Parse(const char* buffer, size_t length, ActivationGradOptions* options);
OptionsError Parse(const char* buffer, size_t length, SoftmaxGradOptions* options);

}  // namespace tinyprop

#endif  // TINYPROP_CC_TFLM_OP_OPTIONS_H_
