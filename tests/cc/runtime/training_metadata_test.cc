// The reader of the entry TINYPROP against damage. Every entry lies in a block of exactly its size, so that
// AddressSanitizer sees the first byte that is read beyond it.
#include "cc/runtime/training_metadata.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "cc/runtime/crc32.h"
#include "tests/cc/random_arrays.h"
#include "tests/cc/runtime/scripted_graph.h"

namespace tinyprop {
namespace {

// Where the fields of ScriptedGraph's entry are: two layers and three variables (SPEC.md).
constexpr size_t kLayers = wire::MetadataHeader::kBytes[0], kLayerSize = wire::LayerRecordLayout::kBytes[0];
constexpr size_t kVariables = kLayers + 2 * kLayerSize, kVariableSize = wire::VariableRecordLayout::kBytes[0];
constexpr size_t kNames = kVariables + 3 * kVariableSize;

// Of version 1, which has no CRC that would find everything first.
std::vector<uint8_t> GoodEntry() {
  return ScriptedGraph(1, LossKind::kSparseCategoricalCrossentropy, 1).entry;
}

void Set(std::vector<uint8_t>* entry, size_t offset, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) (*entry)[offset + static_cast<size_t>(i)] = static_cast<uint8_t>(value >> 8 * i);
}

// Makes the fingerprint fit the variables again, of which there are `count`.
void Sign(std::vector<uint8_t>* entry, size_t count = 3) {
  uint32_t crc = 0;
  for (size_t v = 0; v < count; ++v) {
    const uint8_t* record = entry->data() + kVariables + v * kVariableSize;
    crc = Crc32(crc, record + 12, 4);
    crc = Crc32(crc, record + 8, 4);
  }
  constexpr char kLoss[] = "sparse_categorical_crossentropy";
  Set(entry, 12, Crc32(crc, kLoss, sizeof kLoss - 1), 4);
}

constexpr size_t kCrcAt = wire::Offset(wire::MetadataHeader::kCrc);

// Makes the CRC right again if there is one.
void SignCrc(std::vector<uint8_t>* entry) {
  if (entry->size() < kCrcAt + 4 || ((*entry)[6] | (*entry)[7] << 8) < static_cast<int>(kCrcAt + 4)) return;
  Set(entry, kCrcAt, 0, 4);
  Set(entry, kCrcAt, Crc32(0, entry->data(), static_cast<uint32_t>(entry->size())), 4);
}

// Everything that can be asked for; returned, so that nothing is left out.
uint64_t ReadAll(const TrainingMetadata& metadata) {
  uint64_t sum = metadata.fingerprint() + metadata.forward_macs() + metadata.backward_macs();
  for (const int32_t number :
       {metadata.batch_size(), static_cast<int32_t>(metadata.loss()), metadata.model_inputs(), metadata.model_outputs(),
        metadata.label_input(), metadata.control_input(), metadata.loss_output(), metadata.statistics_output(),
        metadata.first_variable_output(), metadata.output()}) {
    sum += static_cast<uint64_t>(number);
  }
  sum += metadata.config().decay > 0.0f;
  CHECK(metadata.output() < metadata.model_outputs());
  CHECK(std::isfinite(metadata.output_threshold()));
  for (int32_t l = 1; l <= metadata.layer_count(); ++l) {
    const LayerRecord layer = metadata.Layer(l);
    CHECK(layer.gradients > 0);
    sum += std::strlen(layer.name) + layer.update_macs + layer.hand_down_macs;
  }
  for (int32_t v = 0; v < metadata.variable_count(); ++v) {
    CHECK(metadata.VariableElements(v) >= 0);
    sum += static_cast<uint64_t>(metadata.VariableElements(v));
  }
  return sum;
}

// Parses a copy in a block of its own, at an odd address, and reads all of it if it is accepted.
Status ParseAndRead(const std::vector<uint8_t>& entry) {
  const std::unique_ptr<uint8_t[]> block(new uint8_t[entry.size() + 1]);
  std::copy(entry.begin(), entry.end(), block.get() + 1);
  TrainingMetadata metadata;
  const Status status = metadata.Parse({block.get() + 1, static_cast<int32_t>(entry.size())});
  CHECK(metadata.is_parsed() == (status == Status::kOk));
  if (status == Status::kOk) CHECK(ReadAll(metadata) > 0);
  return status;
}

// The same with a right CRC, so that it is the other checks that find what is wrong.
Status ParseSigned(std::vector<uint8_t> entry) {
  SignCrc(&entry);
  return ParseAndRead(entry);
}

template <typename Change>
bool IsDamage(Change change) {
  std::vector<uint8_t> entry = GoodEntry();
  change(&entry);
  return ParseAndRead(entry) == Status::kMetadataDamaged;
}

}  // namespace

TEST_CASE("an intact entry is accepted, no entry is none") {
  CHECK(ParseAndRead(GoodEntry()) == Status::kOk);
  std::vector<uint8_t> entry = GoodEntry();
  Sign(&entry);
  CHECK(entry == GoodEntry());
  CHECK(entry.size() == kNames + 14);
  CHECK(ParseAndRead({}) == Status::kNotTrainable);
}

TEST_CASE("every truncation is damage") {
  const std::vector<uint8_t> entry = GoodEntry();
  for (size_t size = 1; size < entry.size(); ++size) {
    CAPTURE(size);
    std::vector<uint8_t> part(entry.begin(), entry.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(ParseAndRead(part) == Status::kMetadataDamaged);
    if (size < 12) continue;
    Set(&part, 8, static_cast<uint32_t>(size), 4);  // a size field that agrees
    CHECK(ParseAndRead(part) == Status::kMetadataDamaged);
  }
}

TEST_CASE("a changed byte is damage or can be read without leaving the entry") {
  const std::vector<uint8_t> entry = GoodEntry();
  int accepted = 0;
  for (size_t position = 0; position < entry.size(); ++position) {
    for (const int value : {0x00, 0xff, entry[position] ^ 0x80}) {
      CAPTURE(position);
      CAPTURE(value);
      std::vector<uint8_t> changed = entry;
      changed[position] = static_cast<uint8_t>(value);
      for (const bool is_signed : {false, true}) {  // a right fingerprint does not make the rest right
        if (is_signed) Sign(&changed);
        const Status status = ParseAndRead(changed);
        accepted += status == Status::kOk;
        CHECK((status == Status::kOk || status == Status::kMetadataDamaged || status == Status::kMetadataNewer));
      }
    }
  }
  CHECK(accepted > 0);
}

TEST_CASE("a flipped bit is found, wherever it is") {
  for (const std::vector<uint8_t>& entry : {ScriptedGraph().entry, ScriptedGraph(3, LossKind::kMeanSquaredError).entry}) {
    REQUIRE(ParseAndRead(entry) == Status::kOk);
    for (size_t bit = 0; bit < 8 * entry.size(); ++bit) {
      CAPTURE(bit);
      std::vector<uint8_t> changed = entry;
      changed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      const Status status = ParseAndRead(changed);
      CHECK((status == Status::kMetadataDamaged || status == Status::kMetadataNewer));
    }
  }
}

TEST_CASE("the output is one of the model's, and its threshold a number") {
  using Header = wire::MetadataHeader;
  const ScriptedGraph graph(1, LossKind::kBinaryCrossentropy, Header::kLatestVersion, false, 1);
  CHECK(ParseAndRead(graph.entry) == Status::kOk);
  // The CRC is made to fit, so that nothing else is wrong.
  const auto parse_with = [&](int32_t offset, uint32_t value, int bytes) {
    std::vector<uint8_t> entry = graph.entry;
    Set(&entry, static_cast<size_t>(offset), value, bytes);
    Set(&entry, wire::Offset(Header::kCrc), 0, 4);
    Set(&entry, wire::Offset(Header::kCrc), Crc32(0, entry.data(), static_cast<uint32_t>(entry.size())), 4);
    return ParseAndRead(entry);
  };
  CHECK(parse_with(wire::Offset(Header::kOutput), 1, 2) == Status::kOk);
  CHECK(parse_with(wire::Offset(Header::kOutput), 2, 2) == Status::kMetadataDamaged);
  CHECK(parse_with(wire::Offset(Header::kOutput), 0, 2) == Status::kMetadataDamaged);  // another fingerprint
  CHECK(parse_with(wire::Offset(Header::kOutputThreshold), 0x7fc00000, 4) == Status::kMetadataDamaged);
  CHECK(parse_with(wire::Offset(Header::kOutputThreshold), 0, 4) == Status::kOk);
}

TEST_CASE("entries without a CRC are read as before") {
  for (const uint32_t version : {1u, 2u}) {
    const ScriptedGraph graph(2, LossKind::kCategoricalCrossentropy, version);
    CHECK(graph.entry.size() == static_cast<size_t>(wire::MetadataHeader::kBytes[version - 1]) + kNames - kLayers + 14);
    CHECK(ParseAndRead(graph.entry) == Status::kOk);
  }
}

TEST_CASE("counts that leave the entry are damage") {
  for (const uint32_t count : {3u, 4u, 100u, 0xffffu}) {
    CHECK(IsDamage([&](auto* entry) { Set(entry, 20, count, 2); }));
    if (count > 3) CHECK(IsDamage([&](auto* entry) { Set(entry, 22, count, 2); }));
  }
}

TEST_CASE("each field has its range") {
  CHECK(IsDamage([](auto* entry) { entry->push_back(0); }));  // longer than it says
  for (size_t at = 0; at < 4; ++at) CHECK(IsDamage([at](auto* entry) { (*entry)[at] ^= 1; }));  // magic
  CHECK(IsDamage([](auto* entry) { Set(entry, 4, 0, 2); }));  // version
  CHECK(IsDamage([](auto* entry) { Set(entry, 6, 83, 2); }));  // size of the header
  CHECK(IsDamage([](auto* entry) { Set(entry, 16, 0, 2); }));  // batch
  CHECK(IsDamage([](auto* entry) { Set(entry, 18, kLossKindCount, 1); }));  // loss
  CHECK(IsDamage([](auto* entry) {
    Set(entry, 22, 0, 2);  // no variables: their records then count as names
    Sign(entry, 0);
  }));
  CHECK(IsDamage([](auto* entry) { Set(entry, kLayers + 4, 0, 4); }));  // gradients
  CHECK(IsDamage([](auto* entry) { Set(entry, kLayers + kLayerSize + 4, 0x80000000u, 4); }));
  CHECK(IsDamage([](auto* entry) { Set(entry, kLayers + 16, 14, 4); }));  // a name behind the last one
  CHECK(IsDamage([](auto* entry) { entry->back() = 'x'; }));  // a name without an end
  for (size_t v = 0; v < 3; ++v) {
    CHECK(IsDamage([&](auto* entry) {
      Set(entry, kVariables + v * kVariableSize + 8, 0x20000000u, 4);  // bytes beyond 31 bits
      Sign(entry);
    }));
    CHECK(IsDamage([&](auto* entry) { (*entry)[kVariables + v * kVariableSize + 12] ^= 1; }));  // layer
    CHECK(IsDamage([&](auto* entry) { (*entry)[kVariables + v * kVariableSize + 14] ^= 1; }));  // role
  }
  std::vector<uint8_t> largest = GoodEntry();
  Set(&largest, kVariables + 8, 0x1fffffffu, 4);
  Sign(&largest);
  CHECK(ParseAndRead(largest) == Status::kOk);
  Set(&largest, 4, 2, 2);
  CHECK(ParseAndRead(largest) == Status::kMetadataDamaged);  // shorter than version 2 is
  Set(&largest, 4, wire::MetadataHeader::kLatestVersion + 1, 2);
  CHECK(ParseAndRead(largest) == Status::kMetadataNewer);
}

// The entry in which every struct has `more` bytes that nobody knows yet.
std::vector<uint8_t> GrownEntry(size_t more, uint32_t version = wire::MetadataHeader::kLatestVersion) {
  const std::vector<uint8_t> old = GoodEntry(), unknown(more, 0xa5);
  const auto append = [&](std::vector<uint8_t>* to, size_t begin, size_t end) {
    to->insert(to->end(), old.begin() + static_cast<long>(begin), old.begin() + static_cast<long>(end));
    to->insert(to->end(), unknown.begin(), unknown.end());
  };
  std::vector<uint8_t> entry(old.begin(), old.begin() + kLayers);
  entry.resize(static_cast<size_t>(wire::MetadataHeader::kBytes[version - 1]) + more);
  Set(&entry, 4, version, 2);
  Set(&entry, 6, static_cast<uint32_t>(entry.size()), 2);
  Set(&entry, 84, static_cast<uint32_t>(kLayerSize + more), 2);
  Set(&entry, 86, static_cast<uint32_t>(kVariableSize + more), 2);
  for (size_t l = 0; l < 2; ++l) append(&entry, kLayers + l * kLayerSize, kLayers + (l + 1) * kLayerSize);
  for (size_t v = 0; v < 3; ++v) append(&entry, kVariables + v * kVariableSize, kVariables + (v + 1) * kVariableSize);
  entry.insert(entry.end(), old.begin() + static_cast<long>(kNames), old.end());
  Set(&entry, 8, static_cast<uint32_t>(entry.size()), 4);
  SignCrc(&entry);
  return entry;
}

TEST_CASE("structs that have grown are read as far as they are known") {
  for (const size_t more : {size_t{0}, size_t{1}, size_t{8}}) {
    const std::vector<uint8_t> entry = GrownEntry(more);
    REQUIRE(ParseAndRead(entry) == Status::kOk);
    TrainingMetadata metadata, old;
    const std::vector<uint8_t> original = GoodEntry();
    REQUIRE(metadata.Parse(testing::SpanOf(entry)) == Status::kOk);
    REQUIRE(old.Parse(testing::SpanOf(original)) == Status::kOk);
    CHECK(ReadAll(metadata) == ReadAll(old));
    CHECK(metadata.Layer(2).name == std::string("logits"));
    for (size_t size = 1; size < entry.size(); ++size) {
      CHECK(ParseSigned({entry.begin(), entry.begin() + static_cast<long>(size)}) == Status::kMetadataDamaged);
    }
    for (const size_t field : {size_t{84}, size_t{86}}) {
      std::vector<uint8_t> changed = entry;
      Set(&changed, field, (field == 84 ? kLayerSize : kVariableSize) - 1, 2);  // shorter than the known fields
      CHECK(ParseSigned(changed) == Status::kMetadataDamaged);
      Set(&changed, field, 0xffff, 2);
      CHECK(ParseSigned(changed) == Status::kMetadataDamaged);
    }
  }
}

TEST_CASE("an entry of one layer has a name with an end") {
  std::vector<uint8_t> entry = GoodEntry();
  entry.erase(entry.begin() + kLayers, entry.begin() + kLayers + kLayerSize);
  Set(&entry, 8, static_cast<uint32_t>(entry.size()), 4);
  Set(&entry, 20, 1, 2);
  CHECK(ParseAndRead(entry) == Status::kOk);
  entry.back() = 'x';
  CHECK(ParseAndRead(entry) == Status::kMetadataDamaged);
}

TEST_CASE("structs of version 2 have all its fields") {
  std::vector<uint8_t> entry = GoodEntry();
  Set(&entry, 4, 2, 2);
  // The first record, of which the fingerprint does not cover this field, looks like the sizes that the header lacks.
  Set(&entry, kLayers, kLayerSize, 2);
  Set(&entry, kLayers + 2, kVariableSize, 2);
  CHECK(ParseAndRead(entry) == Status::kMetadataDamaged);
  // Layer records without their last reserved byte: all that is read of them is there.
  entry = GrownEntry(0, 2);
  const std::ptrdiff_t layers = wire::MetadataHeader::kBytes[1], layer_size = kLayerSize, variable_size = kVariableSize;
  Set(&entry, 84, kLayerSize - 1, 2);
  for (std::ptrdiff_t l = 2; l >= 1; --l) entry.erase(entry.begin() + layers + l * layer_size - 1);
  Set(&entry, 8, static_cast<uint32_t>(entry.size()), 4);
  CHECK(ParseAndRead(entry) == Status::kMetadataDamaged);
  // Variable records without the high byte of their role, which then is the first byte of what follows: of the next
  // record, 0 here, or of the names.
  entry = GrownEntry(0, 2);
  Set(&entry, 86, kVariableSize - 1, 2);
  const std::ptrdiff_t variables = layers + 2 * layer_size;
  for (std::ptrdiff_t v = 3; v >= 1; --v) entry.erase(entry.begin() + variables + v * variable_size - 1);
  entry.insert(entry.begin() + variables + 3 * (variable_size - 1), 0);  // an empty name in front of the others
  for (std::ptrdiff_t v = 1; v < 3; ++v) entry[static_cast<size_t>(variables + v * (variable_size - 1))] = 0;
  Set(&entry, 8, static_cast<uint32_t>(entry.size()), 4);
  CHECK(ParseAndRead(entry) == Status::kMetadataDamaged);
}

TEST_CASE("the most and largest records there could be leave the entry") {
  for (const size_t field : {size_t{84}, size_t{86}}) {
    std::vector<uint8_t> entry = GrownEntry(0);
    Set(&entry, field, 0xffff, 2);
    Set(&entry, field == 84 ? 20 : 22, 0xffff, 2);
    CHECK(ParseSigned(entry) == Status::kMetadataDamaged);
  }
}

TEST_CASE("settings that SetConfig would refuse are damage") {
  const size_t config = wire::Offset(wire::MetadataHeader::kConfig);
  const auto is_refused = [&](size_t element, uint32_t bits) {
    return IsDamage([&](auto* entry) { Set(entry, config + 4 * element, bits, 4); });
  };
  CHECK(is_refused(7, 0x7fc00000));  // decay NaN
  CHECK(is_refused(1, 0xc0a00000));  // s_min -5
  CHECK(is_refused(3, 0x7f800000));  // zeta infinite
  CHECK(is_refused(4, 0x40800000));  // d_min 4 above d_max 2
  CHECK(is_refused(7, 0));           // decay 0
  CHECK_FALSE(is_refused(0, 0x7fc00000));  // the learning rate, which is not looked at
}

TEST_CASE("whether the model keeps state is known since version 3") {
  for (const uint32_t state : {0u, 1u, 2u, 3u}) {
    CAPTURE(state);
    std::vector<uint8_t> entry = ScriptedGraph(1, LossKind::kSparseCategoricalCrossentropy, 3, true).entry;
    Set(&entry, wire::Offset(wire::MetadataHeader::kModelState), state, 2);
    SignCrc(&entry);
    TrainingMetadata metadata;
    const Status status = metadata.Parse({entry.data(), static_cast<int32_t>(entry.size())});
    CHECK(status == (state > 2 ? Status::kMetadataDamaged : Status::kOk));
    if (state > 2) continue;
    CHECK(metadata.keeps_state() == (state == 2));
    CHECK(metadata.reset_state_input() == (state == 2 ? 3 : -1));
  }
  const ScriptedGraph older(1, LossKind::kSparseCategoricalCrossentropy, 2);
  TrainingMetadata metadata;
  REQUIRE(metadata.Parse(older.metadata()) == Status::kOk);
  CHECK_FALSE(metadata.keeps_state());
}

TEST_CASE("multiply-accumulates have 64 bits") {
  std::vector<uint8_t> entry = GoodEntry();
  Set(&entry, 48, 3, 4);
  for (const size_t field : {size_t{4}, size_t{8}, size_t{12}}) {
    Set(&entry, kLayers + field, field == 4 ? 0x7fffffffu : 0xffffffffu, 4);
  }
  TrainingMetadata metadata;
  REQUIRE(metadata.Parse({entry.data(), static_cast<int32_t>(entry.size())}) == Status::kOk);
  CHECK(metadata.forward_macs() == (uint64_t{3} << 32) + ScriptedGraph::kForwardMacs);
  CHECK(metadata.backward_macs() == uint64_t{0x7fffffff} * (2 * uint64_t{0xffffffff}) + 4 * (3 + 1));
}

}  // namespace tinyprop
