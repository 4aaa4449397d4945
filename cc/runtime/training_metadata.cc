#include "cc/runtime/training_metadata.h"

#include <cstring>

#include "cc/runtime/crc32.h"

namespace tinyprop {
namespace {

using LayerLayout = wire::LayerRecordLayout;
using Variable = wire::VariableRecordLayout;

constexpr uint32_t kMaxLength = 0x7fffffff;
constexpr int32_t kMagicBytes = sizeof wire::MetadataHeader::kMagic - 1;

const char* LossName(LossKind loss) {
  switch (loss) {
    case LossKind::kSparseCategoricalCrossentropy:
      return "sparse_categorical_crossentropy";
    case LossKind::kCategoricalCrossentropy:
      return "categorical_crossentropy";
    case LossKind::kMeanSquaredError:
      return "mean_squared_error";
  }
  return nullptr;
}

}  // namespace

Status TrainingMetadata::Parse(Span<const uint8_t> entry) {
  entry_ = Span<const uint8_t>();
  if (entry.data == nullptr || entry.size == 0) return Status::kNotTrainable;
  if (entry.size < Header::kSize.offset || std::memcmp(entry.data, Header::kMagic, kMagicBytes) != 0) {
    return Status::kMetadataDamaged;
  }
  TrainingMetadata parsed;
  parsed.entry_ = entry;
  const int32_t version = parsed.Get(Header::kVersion);
  if (version > static_cast<int32_t>(Header::kLatestVersion)) return Status::kMetadataNewer;
  if (version == 0 || parsed.Get(Header::kHeaderSize) < Header::kBytes[version - 1] || !parsed.IsIntact()) {
    return Status::kMetadataDamaged;
  }
  *this = parsed;
  return Status::kOk;
}

bool TrainingMetadata::IsIntact() const {
  if (Get(Header::kHeaderSize) > entry_.size || Get(Header::kSize) != static_cast<uint32_t>(entry_.size)) return false;
  if (batch_size() < 1 || LossName(loss()) == nullptr || variable_count() < 1) return false;
  if (LayerSize() < LayerLayout::kBytes[0] || VariableSize() < Variable::kBytes[0]) return false;
  const int64_t records = int64_t{layer_count()} * LayerSize() + int64_t{variable_count()} * VariableSize();
  if (Get(Header::kHeaderSize) + records > entry_.size) return false;
  return RecordsAreIntact() && fingerprint() == ComputeFingerprint();
}

bool TrainingMetadata::RecordsAreIntact() const {
  const int32_t names = NamesOffset();
  // Every name has to begin inside the names, of which the last byte ends the last one.
  if (layer_count() > 0 && (names == entry_.size || entry_[entry_.size - 1] != 0)) return false;
  for (int32_t l = 1; l <= layer_count(); ++l) {
    const int32_t at = LayerOffset(l);
    if (Get(LayerLayout::kNameOffset, at) >= static_cast<uint32_t>(entry_.size - names)) return false;
    const uint32_t gradients = Get(LayerLayout::kGradients, at);
    if (gradients == 0 || gradients > kMaxLength) return false;
  }
  for (int32_t v = 0; v < variable_count(); ++v) {
    if (Get(Variable::kElements, VariableOffset(v)) > kMaxLength / sizeof(float)) return false;
  }
  return true;
}

uint32_t TrainingMetadata::ComputeFingerprint() const {
  uint32_t crc = 0;
  for (int32_t v = 0; v < variable_count(); ++v) {
    const uint8_t* const record = entry_.data + VariableOffset(v);
    crc = Crc32(crc, record + Variable::kLayer.offset, 2);
    crc = Crc32(crc, record + Variable::kRole.offset, 2);
    crc = Crc32(crc, record + Variable::kElements.offset, 4);
  }
  const char* name = LossName(loss());
  return Crc32(crc, name, static_cast<uint32_t>(std::strlen(name)));
}

int32_t TrainingMetadata::LayerSize() const {
  return Get(Header::kVersion) < 2 ? LayerLayout::kBytes[0] : Get(Header::kLayerRecordSize);
}

int32_t TrainingMetadata::VariableSize() const {
  return Get(Header::kVersion) < 2 ? Variable::kBytes[0] : Get(Header::kVariableRecordSize);
}

Control TrainingMetadata::config() const {
  Control config;
  std::memcpy(&config, entry_.data + Header::kConfig.offset, sizeof config);
  return config;
}

LayerRecord TrainingMetadata::Layer(int32_t l) const {
  const int32_t at = LayerOffset(l);
  LayerRecord layer;
  layer.name = reinterpret_cast<const char*>(entry_.data) + NamesOffset() + Get(LayerLayout::kNameOffset, at);
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
