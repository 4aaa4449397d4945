// The metadata entry TINYPROP (SPEC.md) of a multilayer perceptron, made by the compiler.
#ifndef TINYPROP_TESTS_FIRMWARE_MLP_METADATA_H_
#define TINYPROP_TESTS_FIRMWARE_MLP_METADATA_H_

#include <cstdint>

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
  int32_t size = 0;

  constexpr void Put(uint64_t value, int32_t count) {
    for (int32_t i = 0; i < count; ++i) bytes[size++] = static_cast<uint8_t>(value >> 8 * i);
  }
  constexpr void Put(const char* text) {
    for (; *text != '\0'; ++text) Put(static_cast<uint8_t>(*text), 1);
  }
};

// CRC-32 as in zlib; cc/runtime/crc32.h is not a constant expression.
constexpr uint32_t ConstantCrc(uint32_t crc, const uint8_t* data, int32_t size) {
  crc = ~crc;
  for (int32_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int32_t bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
  }
  return ~crc;
}

// Sparse cross entropy; settings of TinyProp v2: s_min 0.5, s_max 1, zeta 0.8, d 0 to 2, threshold 0.5, decay 1.
template <int32_t kBatch, int32_t... kWidths>
constexpr auto MlpMetadata() {
  constexpr int32_t kWidth[] = {kWidths...};
  constexpr int32_t kLayers = static_cast<int32_t>(sizeof...(kWidths)) - 1;
  static_assert(kLayers >= 1 && kLayers <= 9, "layers have names with one digit");
  constexpr int32_t kVariables = 2 * kLayers + 1;
  constexpr int32_t kNameSize = 8;  // "dense_1" and its end
  constexpr int32_t kSize = 84 + 24 * kLayers + 16 * kVariables + kNameSize * kLayers;
  constexpr uint32_t kConfig[8] = {0,          0x3f000000, 0x3f800000, 0x3f4ccccd,
                                   0,          0x40000000, 0x3f000000, 0x3f800000};
  MetadataBytes<kSize> out;
  out.Put("TPRP");
  out.Put(1, 2), out.Put(84, 2), out.Put(kSize, 4), out.Put(0, 4);  // the fingerprint is put in at the end
  const uint32_t fields[] = {static_cast<uint32_t>(kBatch), 0, kLayers, kVariables, 1, 1, 1, 2, 1, 2, 3, 0};
  for (const uint32_t field : fields) out.Put(field, 2);
  uint64_t macs = 0;
  for (int32_t l = 1; l <= kLayers; ++l) macs += static_cast<uint64_t>(kWidth[l - 1]) * kWidth[l];
  out.Put(4 + 5 * kLayers, 4), out.Put(macs, 8);
  for (const uint32_t bits : kConfig) out.Put(bits, 4);
  for (int32_t l = 1; l <= kLayers; ++l) {
    const auto inputs = static_cast<uint32_t>(kWidth[l - 1]);
    out.Put(static_cast<uint32_t>(l), 4), out.Put(static_cast<uint32_t>(kWidth[l]), 4), out.Put(inputs, 4);
    out.Put(l > 1 ? inputs : 0, 4), out.Put(static_cast<uint32_t>(kNameSize * (l - 1)), 4);
    out.Put(2 | 4, 2), out.Put(0, 2);
  }
  uint32_t crc = 0;
  for (int32_t v = 0; v < kVariables; ++v) {
    const bool is_state = v == kVariables - 1;
    const int32_t layer = is_state ? 0 : v / 2 + 1, role = is_state ? 2 : v % 2;
    const int32_t elements = is_state ? 1 + kLayers : role == 1 ? kWidth[layer] : kWidth[layer - 1] * kWidth[layer];
    out.Put(static_cast<uint32_t>(2 * v), 4), out.Put(static_cast<uint32_t>(2 * v + 1), 4);
    out.Put(static_cast<uint32_t>(elements), 4);
    out.Put(static_cast<uint32_t>(layer), 2), out.Put(static_cast<uint32_t>(role), 2);
    crc = ConstantCrc(crc, &out.bytes[out.size - 4], 4);
    crc = ConstantCrc(crc, &out.bytes[out.size - 8], 4);
  }
  for (int32_t l = 1; l <= kLayers; ++l) {
    out.Put("dense_");
    out.Put(static_cast<uint32_t>('0' + l), 1), out.Put(0, 1);
  }
  const char loss[] = "sparse_categorical_crossentropy";
  uint8_t loss_bytes[sizeof loss - 1] = {};
  for (uint32_t i = 0; i + 1 < sizeof loss; ++i) loss_bytes[i] = static_cast<uint8_t>(loss[i]);
  crc = ConstantCrc(crc, loss_bytes, sizeof loss_bytes);
  for (int32_t i = 0; i < 4; ++i) out.bytes[12 + i] = static_cast<uint8_t>(crc >> 8 * i);
  return out;
}

}  // namespace tinyprop

#endif  // TINYPROP_TESTS_FIRMWARE_MLP_METADATA_H_
