#include "cc/runtime/training_metadata.h"

#include <cstring>

#include "cc/runtime/crc32.h"

namespace tinyprop {
namespace {

constexpr uint8_t kMagic[4] = {'T', 'P', 'R', 'P'};
constexpr uint32_t kVersion = 1;
constexpr int32_t kHeaderSize = 84;
constexpr int32_t kLayerSize = 24;
constexpr int32_t kVariableSize = 16;
constexpr int32_t kConfigOffset = 52;
constexpr uint32_t kMaxLength = 0x7fffffff;

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
  if (entry.size < 8 || std::memcmp(entry.data, kMagic, sizeof kMagic) != 0) return Status::kMetadataDamaged;
  TrainingMetadata parsed;
  parsed.entry_ = entry;
  const uint32_t version = parsed.U16(4);
  if (version > kVersion) return Status::kMetadataNewer;
  if (version == 0 || !parsed.IsIntact()) return Status::kMetadataDamaged;
  *this = parsed;
  return Status::kOk;
}

bool TrainingMetadata::IsIntact() const {
  if (entry_.size < kHeaderSize || U16(6) != kHeaderSize) return false;
  if (U32(8) != static_cast<uint32_t>(entry_.size)) return false;
  if (batch_size() < 1 || LossName(loss()) == nullptr || variable_count() < 1) return false;
  const int32_t names = NamesOffset();
  if (names > entry_.size) return false;
  // Every name has to begin inside the names, of which the last byte ends the last one.
  if (layer_count() > 0 && (names == entry_.size || entry_[entry_.size - 1] != 0)) return false;
  for (int32_t l = 1; l <= layer_count(); ++l) {
    const int32_t record = LayerOffset(l);
    if (U32(record + 16) >= static_cast<uint32_t>(entry_.size - names)) return false;
    if (U32(record + 4) == 0 || U32(record + 4) > kMaxLength) return false;
  }
  for (int32_t v = 0; v < variable_count(); ++v) {
    if (U32(VariableOffset(v) + 8) > kMaxLength / sizeof(float)) return false;
  }
  return fingerprint() == ComputeFingerprint();
}

uint32_t TrainingMetadata::ComputeFingerprint() const {
  uint32_t crc = 0;
  for (int32_t v = 0; v < variable_count(); ++v) {
    const uint8_t* record = entry_.data + VariableOffset(v);
    crc = Crc32(crc, record + 12, 4);  // layer, role
    crc = Crc32(crc, record + 8, 4);   // elements
  }
  const char* name = LossName(loss());
  return Crc32(crc, name, static_cast<uint32_t>(std::strlen(name)));
}

int32_t TrainingMetadata::LayerOffset(int32_t l) const { return kHeaderSize + (l - 1) * kLayerSize; }

int32_t TrainingMetadata::VariableOffset(int32_t index) const {
  return LayerOffset(layer_count() + 1) + index * kVariableSize;
}

int32_t TrainingMetadata::NamesOffset() const { return VariableOffset(variable_count()); }

Control TrainingMetadata::config() const {
  Control config;
  std::memcpy(&config, entry_.data + kConfigOffset, sizeof config);
  return config;
}

LayerRecord TrainingMetadata::Layer(int32_t l) const {
  const int32_t offset = LayerOffset(l);
  LayerRecord layer;
  layer.name = reinterpret_cast<const char*>(entry_.data) + NamesOffset() + U32(offset + 16);
  layer.gradients = static_cast<int32_t>(U32(offset + 4));
  layer.update_macs = U32(offset + 8);
  layer.hand_down_macs = U32(offset + 12);
  return layer;
}

int32_t TrainingMetadata::VariableElements(int32_t index) const {
  return static_cast<int32_t>(U32(VariableOffset(index) + 8));
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
