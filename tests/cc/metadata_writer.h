// Writes a metadata entry TINYPROP (SPEC.md) field by field, at the offsets of cc/core/wire_format.h. Constant expressions,
// so that firmware without a heap can have an entry too.
#ifndef TINYPROP_TESTS_CC_METADATA_WRITER_H_
#define TINYPROP_TESTS_CC_METADATA_WRITER_H_

#include <cstdint>

#include "cc/core/wire_format.h"

namespace tinyprop {
namespace testing {

// What the two kinds of records hold.
struct LayerFields {
  uint32_t op, gradients, update_macs, hand_down_macs;
  uint16_t flags;
  const char* name;
};
struct VariableFields {
  uint32_t initial, variable, elements;
  uint16_t layer;
  VariableRole role;
};

// Bytes of an entry. name_bytes: of all names with their ends.
constexpr int32_t MetadataSize(int32_t layers, int32_t variables, int32_t name_bytes,
                               uint32_t version = wire::MetadataHeader::kLatestVersion) {
  return wire::MetadataHeader::kBytes[version - 1] + layers * wire::LayerRecordLayout::kBytes[0] +
         variables * wire::VariableRecordLayout::kBytes[0] + name_bytes;
}

// CRC-32 as in zlib; cc/runtime/crc32.h is not a constant expression.
constexpr uint32_t ConstantCrc(uint32_t crc, const uint8_t* data, int32_t size) {
  crc = ~crc;
  for (int32_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int32_t bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
  }
  return ~crc;
}

class MetadataWriter {
 public:
  using Header = wire::MetadataHeader;

  // bytes: of MetadataSize, zeros.
  constexpr MetadataWriter(uint8_t* bytes, int32_t size, int32_t layers, int32_t variables,
                           uint32_t version = Header::kLatestVersion)
      : bytes_(bytes), size_(size), layers_(layers), version_(version),
        names_(MetadataSize(layers, variables, 0, version)) {
    for (int32_t i = 0; Header::kMagic[i] != '\0'; ++i) bytes[i] = static_cast<uint8_t>(Header::kMagic[i]);
    Put(Header::kVersion, version);
    Put(Header::kHeaderSize, static_cast<uint32_t>(Header::kBytes[version - 1]));
    if (version >= 2) {
      Put(Header::kLayerRecordSize, static_cast<uint32_t>(wire::LayerRecordLayout::kBytes[0]));
      Put(Header::kVariableRecordSize, static_cast<uint32_t>(wire::VariableRecordLayout::kBytes[0]));
    }
    Put(Header::kSize, static_cast<uint32_t>(size));
    Put(Header::kLayers, static_cast<uint32_t>(layers));
    Put(Header::kVariables, static_cast<uint32_t>(variables));
  }

  constexpr void Put(wire::U8 field, uint32_t value, int32_t at = 0) { Store(at + wire::Offset(field), value, 1); }
  constexpr void Put(wire::U16 field, uint32_t value, int32_t at = 0) { Store(at + wire::Offset(field), value, 2); }
  constexpr void Put(wire::U32 field, uint32_t value, int32_t at = 0) { Store(at + wire::Offset(field), value, 4); }
  // bits: of the float.
  constexpr void Put(wire::F32 field, uint32_t bits) { Store(wire::Offset(field), bits, 4); }
  constexpr void Put(wire::U64 field, uint64_t value, int32_t at = 0) { Store(at + wire::Offset(field), value, 8); }
  // bits: of the control tensor's elements, since floats have no constant bits in C++17.
  constexpr void PutConfig(const uint32_t (&bits)[kControlSize]) {
    for (int32_t i = 0; i < kControlSize; ++i) Store(wire::Offset(Header::kConfig) + 4 * i, bits[i], 4);
  }
  // In order. Their places among the outputs, the label's and so on follow from the numbers of inputs and outputs.
  constexpr void PutPositions(uint32_t model_inputs, uint32_t model_outputs) {
    Put(Header::kModelInputs, model_inputs);
    Put(Header::kModelOutputs, model_outputs);
    Put(Header::kLabelInput, model_inputs);
    Put(Header::kControlInput, model_inputs + 1);
    Put(Header::kLossOutput, model_outputs);
    Put(Header::kStatisticsOutput, model_outputs + 1);
    Put(Header::kFirstVariableOutput, model_outputs + 2);
  }
  constexpr void AddLayer(const LayerFields& layer) {
    using Layout = wire::LayerRecordLayout;
    const int32_t at = Header::kBytes[version_ - 1] + next_layer_++ * Layout::kBytes[0];
    Put(Layout::kOperator, layer.op, at);
    Put(Layout::kGradients, layer.gradients, at);
    Put(Layout::kUpdateMacs, layer.update_macs, at);
    Put(Layout::kHandDownMacs, layer.hand_down_macs, at);
    Put(Layout::kNameOffset, static_cast<uint32_t>(name_bytes_), at);
    Put(Layout::kFlags, layer.flags, at);
    for (const char* c = layer.name;; ++c) {
      bytes_[names_ + name_bytes_++] = static_cast<uint8_t>(*c);
      if (*c == '\0') return;
    }
  }
  constexpr void AddVariable(const VariableFields& variable) {
    using Layout = wire::VariableRecordLayout;
    const int32_t at = MetadataSize(layers_, next_variable_++, 0, version_);
    Put(Layout::kInitial, variable.initial, at);
    Put(Layout::kVariable, variable.variable, at);
    Put(Layout::kElements, variable.elements, at);
    Put(Layout::kLayer, variable.layer, at);
    Put(Layout::kRole, static_cast<uint32_t>(variable.role), at);
    crc_ = ConstantCrc(crc_, bytes_ + at + wire::Offset(Layout::kLayer), 2);
    crc_ = ConstantCrc(crc_, bytes_ + at + wire::Offset(Layout::kRole), 2);
    crc_ = ConstantCrc(crc_, bytes_ + at + wire::Offset(Layout::kElements), 4);
  }
  // Last: the fingerprint covers the variables and the loss, the CRC all that was put before.
  constexpr void PutLoss(LossKind loss, const char* name, uint32_t output = 0) {
    Put(Header::kLoss, static_cast<uint32_t>(loss));
    if (output != 0) Put(Header::kOutput, output);
    for (const char* c = name; *c != '\0'; ++c) {
      const auto byte = static_cast<uint8_t>(*c);
      crc_ = ConstantCrc(crc_, &byte, 1);
    }
    if (output != 0) crc_ = ConstantCrc(crc_, bytes_ + wire::Offset(Header::kOutput), 2);
    Put(Header::kFingerprint, crc_);
    if (version_ >= 3) Put(Header::kCrc, ConstantCrc(0, bytes_, size_));
  }

 private:
  constexpr void Store(int32_t at, uint64_t value, int32_t size) {
    for (int32_t i = 0; i < size; ++i) bytes_[at + i] = static_cast<uint8_t>(value >> 8 * i);
  }

  uint8_t* bytes_;
  int32_t size_, layers_;
  uint32_t version_;
  int32_t names_;
  int32_t next_layer_ = 0, next_variable_ = 0, name_bytes_ = 0;
  uint32_t crc_ = 0;
};

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_METADATA_WRITER_H_
