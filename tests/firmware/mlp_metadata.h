// The metadata entry TINYPROP (SPEC.md) of a multilayer perceptron, made by the compiler.
#ifndef TINYPROP_TESTS_FIRMWARE_MLP_METADATA_H_
#define TINYPROP_TESTS_FIRMWARE_MLP_METADATA_H_

#include <cstdint>

#include "tests/cc/metadata_writer.h"

namespace tinyprop {

template <int32_t kCount>
constexpr int32_t MlpParameters(const int32_t (&width)[kCount]) {
  int32_t sum = 0;
  for (int32_t l = 1; l < kCount; ++l) sum += (width[l - 1] + 1) * width[l];
  return sum;
}

template <int32_t kCount>
constexpr int32_t MlpActivations(const int32_t (&width)[kCount]) {
  int32_t sum = 0;
  for (const int32_t w : width) sum += w;
  return sum;
}

template <int32_t kSize>
struct MetadataBytes {
  uint8_t bytes[kSize] = {};
};

// Sparse cross entropy; settings of TinyProp v2: s_min 0.5, s_max 1, zeta 0.8, d 0 to 2, threshold 0.5, decay 1.
template <int32_t kBatch, int32_t... kWidths>
constexpr auto MlpMetadata() {
  constexpr int32_t kWidth[] = {kWidths...};
  constexpr int32_t kLayers = static_cast<int32_t>(sizeof...(kWidths)) - 1;
  static_assert(kLayers >= 1 && kLayers <= 9, "layers have names with one digit");
  constexpr int32_t kVariables = 2 * kLayers + 1;
  char name[] = "dense_1";
  constexpr int32_t kSize = testing::MetadataSize(kLayers, kVariables, kLayers * static_cast<int32_t>(sizeof name));
  MetadataBytes<kSize> out;
  testing::MetadataWriter writer(out.bytes, kSize, kLayers, kVariables);
  uint64_t macs = 0;
  for (int32_t l = 1; l <= kLayers; ++l) macs += static_cast<uint64_t>(kWidth[l - 1]) * kWidth[l];
  writer.Put(wire::MetadataHeader::kBatchSize, static_cast<uint32_t>(kBatch));
  writer.Put(wire::MetadataHeader::kOriginalTensors, 4 + 5 * kLayers);
  writer.Put(wire::MetadataHeader::kForwardMacs, macs);
  writer.PutPositions(1, 1);
  writer.PutConfig({0, 0x3f000000, 0x3f800000, 0x3f4ccccd, 0, 0x40000000, 0x3f000000, 0x3f800000});
  for (int32_t l = 1; l <= kLayers; ++l) {
    const auto inputs = static_cast<uint32_t>(kWidth[l - 1]);
    name[6] = static_cast<char>('0' + l);
    writer.AddLayer({static_cast<uint32_t>(l), static_cast<uint32_t>(kWidth[l]), inputs, l > 1 ? inputs : 0,
                     LayerGradOptions::kUpdatesWeights | LayerGradOptions::kUpdatesBias, name});
  }
  for (int32_t v = 0; v < kVariables; ++v) {
    const bool is_state = v == kVariables - 1, is_bias = v % 2 == 1;
    const int32_t layer = is_state ? 0 : v / 2 + 1;
    const int32_t elements = is_state ? 1 + kLayers : is_bias ? kWidth[layer] : kWidth[layer - 1] * kWidth[layer];
    writer.AddVariable({static_cast<uint32_t>(2 * v), static_cast<uint32_t>(2 * v + 1), static_cast<uint32_t>(elements),
                        static_cast<uint16_t>(layer),
                        is_state ? VariableRole::kState : is_bias ? VariableRole::kBias : VariableRole::kKernel});
  }
  writer.PutLoss(LossKind::kSparseCategoricalCrossentropy, "sparse_categorical_crossentropy");
  return out;
}

}  // namespace tinyprop

#endif  // TINYPROP_TESTS_FIRMWARE_MLP_METADATA_H_
