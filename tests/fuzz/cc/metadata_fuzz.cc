// The metadata entry: any bytes are refused, or all that the accessors give can be read.
#include "cc/runtime/crc32.h"
#include "cc/runtime/training_metadata.h"
#include "tests/fuzz/cc/fuzz.h"

namespace tinyprop {
namespace {

using Header = wire::MetadataHeader;

uint32_t Read(const std::vector<uint8_t>& bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count && at + static_cast<size_t>(i) < bytes.size(); ++i) {
    value |= static_cast<uint32_t>(bytes[at + static_cast<size_t>(i)]) << 8 * i;
  }
  return value;
}

void Write(std::vector<uint8_t>* bytes, int32_t at, uint32_t value, int count) {
  for (int i = 0; i < count; ++i) {
    const size_t to = static_cast<size_t>(at + i);
    if (to < bytes->size()) (*bytes)[to] = static_cast<uint8_t>(value >> 8 * i);
  }
}

// Makes what the file says of itself true, as far as its numbers allow: size, fingerprint and CRC.
void Mend(std::vector<uint8_t>* bytes) {
  Write(bytes, wire::Offset(Header::kSize), static_cast<uint32_t>(bytes->size()), 4);
  constexpr const char* kLosses[] = {"sparse_categorical_crossentropy", "categorical_crossentropy", "mean_squared_error"};
  const uint32_t loss = Read(*bytes, wire::Offset(Header::kLoss), 1);
  const bool has_sizes = Read(*bytes, wire::Offset(Header::kVersion), 2) >= 2;
  using Layer = wire::LayerRecordLayout;
  using Variable = wire::VariableRecordLayout;
  const uint64_t layer_size = has_sizes ? Read(*bytes, wire::Offset(Header::kLayerRecordSize), 2) : Layer::kBytes[0];
  const uint64_t variable_size = has_sizes ? Read(*bytes, wire::Offset(Header::kVariableRecordSize), 2) : Variable::kBytes[0];
  const uint64_t first = Read(*bytes, wire::Offset(Header::kHeaderSize), 2) +
                         Read(*bytes, wire::Offset(Header::kLayers), 2) * layer_size;
  uint32_t crc = 0;
  for (uint64_t v = 0; v < Read(*bytes, wire::Offset(Header::kVariables), 2); ++v) {
    const uint64_t at = first + v * variable_size;
    if (variable_size < Variable::kBytes[0] || at + Variable::kBytes[0] > bytes->size()) break;
    crc = Crc32(crc, bytes->data() + at + wire::Offset(Variable::kLayer), 2);
    crc = Crc32(crc, bytes->data() + at + wire::Offset(Variable::kRole), 2);
    crc = Crc32(crc, bytes->data() + at + wire::Offset(Variable::kElements), 4);
  }
  if (loss < 3) crc = Crc32(crc, kLosses[loss], static_cast<uint32_t>(std::strlen(kLosses[loss])));
  Write(bytes, wire::Offset(Header::kFingerprint), crc, 4);
  Write(bytes, wire::Offset(Header::kCrc), 0, 4);
  Write(bytes, wire::Offset(Header::kCrc), Crc32(0, bytes->data(), static_cast<uint32_t>(bytes->size())), 4);
}

void ReadAll(const TrainingMetadata& metadata) {
  FUZZ_CHECK(metadata.batch_size() >= 1 && metadata.variable_count() >= 1);
  FUZZ_CHECK(metadata.config().IsValid());
  uint64_t sum = 0;
  for (int32_t l = 1; l <= metadata.layer_count(); ++l) {
    const LayerRecord layer = metadata.Layer(l);
    FUZZ_CHECK(layer.gradients >= 1);
    sum += std::strlen(layer.name);
  }
  for (int32_t v = 0; v < metadata.variable_count(); ++v) {
    FUZZ_CHECK(metadata.VariableElements(v) >= 0);
    sum += static_cast<uint64_t>(metadata.VariableElements(v));
  }
  sum += metadata.backward_macs() + metadata.forward_macs() + metadata.fingerprint();
  volatile uint64_t used = sum;
  (void)used;
}

}  // namespace
}  // namespace tinyprop

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinyprop;
  if (size < 1) return 0;
  std::vector<uint8_t> bytes = fuzz::Exactly(data + 1, size - 1);
  if ((data[0] & 1) != 0 && bytes.size() >= 4) std::memcpy(bytes.data(), Header::kMagic, 4);
  if ((data[0] & 2) != 0 && !bytes.empty()) Mend(&bytes);
  TrainingMetadata metadata;
  const Status status = metadata.Parse({bytes.data(), static_cast<int32_t>(bytes.size())});
  FUZZ_CHECK(metadata.is_parsed() == (status == Status::kOk));
  if (status == Status::kOk) ReadAll(metadata);
  return 0;
}
