#include "cc/runtime/training_metadata.h"

#include <cstring>

#include "cc/core/float_bits.h"
#include "cc/runtime/crc32.h"

namespace tinyprop {
namespace {

using LayerLayout = wire::LayerRecordLayout;
using Variable = wire::VariableRecordLayout;

constexpr uint32_t kMaxLength = 0x7fffffff;
// Of entries that are older than the fields of the loss.
constexpr float kOldThreshold = 0.5f;
constexpr int32_t kMagicBytes = sizeof wire::MetadataHeader::kMagic - 1;

}  // namespace

// Not inline: the many fields of 32 bits would take as many times the code.
uint32_t TrainingMetadata::Get(wire::U32 field, int32_t at) const {
  const wire::U16 low{wire::Offset(field)}, high{wire::Offset(field) + 2};
  return static_cast<uint32_t>(Get(low, at)) | static_cast<uint32_t>(Get(high, at)) << 16;
}

uint64_t TrainingMetadata::Get(wire::U64 field) const {
  const wire::U32 low{wire::Offset(field)}, high{wire::Offset(field) + 4};
  return Get(low) | static_cast<uint64_t>(Get(high)) << 32;
}

Status TrainingMetadata::Parse(Span<const uint8_t> entry) {
  entry_ = Span<const uint8_t>();
  if (entry.data == nullptr || entry.size == 0) return Status::kNotTrainable;
  if (entry.size < wire::Offset(Header::kSize) || std::memcmp(entry.data, Header::kMagic, kMagicBytes) != 0) {
    return Status::kMetadataDamaged;
  }
  TrainingMetadata parsed;
  parsed.entry_ = entry;
  if (parsed.Get(Header::kVersion) > static_cast<int32_t>(Header::kLatestVersion)) return Status::kMetadataNewer;
  if (!parsed.FindRecords() || !parsed.CrcIsRight() || !parsed.RecordsAreIntact()) return Status::kMetadataDamaged;
  *this = parsed;
  return Status::kOk;
}

bool TrainingMetadata::FindRecords() {
  const int32_t version = Get(Header::kVersion);
  const int32_t header_size = Get(Header::kHeaderSize);
  if (version == 0 || header_size < Header::kBytes[version - 1] || header_size > entry_.size ||
      Get(Header::kSize) != static_cast<uint32_t>(entry_.size)) {
    return false;
  }
  layer_size_ = version < 2 ? LayerLayout::kBytes[0] : Get(Header::kLayerRecordSize);
  variable_size_ = version < 2 ? Variable::kBytes[0] : Get(Header::kVariableRecordSize);
  if (layer_size_ < LayerLayout::kBytes[0] || variable_size_ < Variable::kBytes[0]) return false;
  layers_ = header_size;
  // 65,535 records of 65,535 bytes are more than an int32 holds.
  const int64_t variables = layers_ + int64_t{layer_count()} * layer_size_;
  const int64_t names = variables + int64_t{variable_count()} * variable_size_;
  if (names > entry_.size) return false;
  variables_ = static_cast<int32_t>(variables);
  names_ = static_cast<int32_t>(names);
  return true;
}

// Asked by the header's size, not by its version, of which a flipped bit may make an earlier one.
bool TrainingMetadata::CrcIsRight() const {
  constexpr int32_t kAt = wire::Offset(Header::kCrc), kBytes = 4;
  constexpr uint8_t kZeros[kBytes] = {};
  if (Get(Header::kHeaderSize) < kAt + kBytes) return true;  // written before there was one
  uint32_t crc = Crc32(0, entry_.data, kAt);
  crc = Crc32(crc, kZeros, kBytes);
  crc = Crc32(crc, entry_.data + kAt + kBytes, static_cast<uint32_t>(entry_.size - kAt - kBytes));
  return crc == Get(Header::kCrc);
}

bool TrainingMetadata::RecordsAreIntact() const {
  if (batch_size() < 1 || static_cast<int32_t>(loss()) >= kLossKindCount || variable_count() < 1) return false;
  if (output() >= model_outputs() || !IsFinite(output_threshold())) return false;
  if (model_state() > kKeptState) return false;
  // Every name has to begin inside the names, of which the last byte ends the last one.
  if (layer_count() > 0 && (names_ == entry_.size || entry_[entry_.size - 1] != 0)) return false;
  for (int32_t l = 1; l <= layer_count(); ++l) {
    const int32_t at = LayerOffset(l);
    if (Get(LayerLayout::kNameOffset, at) >= static_cast<uint32_t>(entry_.size - names_)) return false;
    const uint32_t gradients = Get(LayerLayout::kGradients, at);
    if (gradients == 0 || gradients > kMaxLength) return false;
  }
  for (int32_t v = 0; v < variable_count(); ++v) {
    if (Get(Variable::kElements, VariableOffset(v)) > kMaxLength / sizeof(float)) return false;
  }
  return config().IsValid() && fingerprint() == ComputeFingerprint();
}

uint32_t TrainingMetadata::ComputeFingerprint() const {
  uint32_t crc = 0;
  for (int32_t v = 0; v < variable_count(); ++v) {
    const uint8_t* const record = entry_.data + VariableOffset(v);
    crc = Crc32(crc, record + wire::Offset(Variable::kLayer), 2);
    crc = Crc32(crc, record + wire::Offset(Variable::kRole), 2);
    crc = Crc32(crc, record + wire::Offset(Variable::kElements), 4);
  }
  const char* name = kLossNames[static_cast<int32_t>(loss())];
  crc = Crc32(crc, name, static_cast<uint32_t>(std::strlen(name)));
  // Heads of one shape have variables of one shape: only the output tells them apart.
  return output() == 0 ? crc : Crc32(crc, entry_.data + wire::Offset(Header::kOutput), 2);
}

float TrainingMetadata::output_threshold() const {
  float threshold = kOldThreshold;
  if (Get(Header::kVersion) >= kLossVersion) {
    std::memcpy(&threshold, entry_.data + wire::Offset(Header::kOutputThreshold), sizeof threshold);
  }
  return threshold;
}

Control TrainingMetadata::config() const {
  Control config;
  std::memcpy(&config, entry_.data + wire::Offset(Header::kConfig), sizeof config);
  return config;
}

LayerRecord TrainingMetadata::Layer(int32_t l) const {
  const int32_t at = LayerOffset(l);
  LayerRecord layer;
  layer.name = reinterpret_cast<const char*>(entry_.data) + names_ + Get(LayerLayout::kNameOffset, at);
  layer.gradients = static_cast<int32_t>(Get(LayerLayout::kGradients, at));
  layer.update_macs = Get(LayerLayout::kUpdateMacs, at);
  layer.hand_down_macs = Get(LayerLayout::kHandDownMacs, at);
  return layer;
}

int32_t TrainingMetadata::VariableElements(int32_t index) const {
  return static_cast<int32_t>(Get(Variable::kElements, VariableOffset(index)));
}

uint64_t TrainingMetadata::backward_macs() const {
  uint64_t sum = 0;
  for (int32_t l = 1; l <= layer_count(); ++l) {
    const LayerRecord layer = Layer(l);
    sum += static_cast<uint64_t>(layer.gradients) * (static_cast<uint64_t>(layer.update_macs) + layer.hand_down_macs);
  }
  return sum;
}

}  // namespace tinyprop
