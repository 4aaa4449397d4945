// Metadata entries and weight records as Python writes them.
#include <doctest/doctest.h>

#include <cstring>

#include "cc/runtime/training_metadata.h"
#include "cc/runtime/weight_record.h"
#include "tests/cc/vectors.h"

namespace tinyprop {
namespace testing {
namespace {

void CheckMetadata(const char* hex, const char* text) {
  const std::vector<uint8_t> bytes = BytesOfHex(hex);
  std::map<std::string, double> expected = FieldsOfText(text);
  TrainingMetadata metadata;
  REQUIRE(metadata.Parse({bytes.data(), static_cast<int32_t>(bytes.size())}) == Status::kOk);
  CHECK(metadata.fingerprint() == expected["fingerprint"]);
  CHECK(metadata.batch_size() == expected["batch_size"]);
  CHECK(metadata.loss() == LossKind::kCategoricalCrossentropy);
  CHECK(metadata.model_inputs() == expected["model_inputs"]);
  CHECK(metadata.model_outputs() == expected["model_outputs"]);
  CHECK(metadata.label_input() == expected["label_input"]);
  CHECK(metadata.control_input() == expected["control_input"]);
  CHECK(metadata.loss_output() == expected["loss_output"]);
  CHECK(metadata.statistics_output() == expected["statistics_output"]);
  CHECK(metadata.first_variable_output() == expected["first_variable_output"]);
  CHECK(static_cast<double>(metadata.forward_macs()) == expected["forward_macs"]);
  CHECK(static_cast<double>(metadata.backward_macs()) == expected["backward_macs"]);
  CHECK(metadata.config().s_min == 0.125f);
  CHECK(metadata.config().decay == 0.875f);
  REQUIRE(metadata.layer_count() == 2);
  CHECK(metadata.Layer(1).name == std::string("conv"));
  CHECK(metadata.Layer(1).gradients == 70000);
  CHECK(metadata.Layer(1).update_macs == 27);
  CHECK(metadata.Layer(1).hand_down_macs == 0);
  CHECK(metadata.Layer(2).name == std::string("h\xc3\xa9" "ad"));
  CHECK(metadata.Layer(2).update_macs == 258);
  CHECK(metadata.Layer(2).hand_down_macs == 259);
  REQUIRE(metadata.variable_count() == 4);
  const int32_t elements[] = {216, 2580, 10, 3};
  for (int32_t v = 0; v < 4; ++v) CHECK(metadata.VariableElements(v) == elements[v]);
}

void CheckWeightHeader(const char* hex, const char* text) {
  const std::vector<uint8_t> bytes = BytesOfHex(hex);
  std::map<std::string, double> expected = FieldsOfText(text);
  RecordHeader header;
  REQUIRE(bytes.size() == sizeof header);
  std::memcpy(&header, bytes.data(), sizeof header);
  CHECK(header.magic == kRecordMagic);
  CHECK(header.version == kRecordVersion);
  CHECK(header.version == expected["version"]);
  CHECK(header.header_size == expected["header_size"]);
  CHECK(header.fingerprint == expected["fingerprint"]);
  CHECK(header.sequence == expected["sequence"]);
  CHECK(header.step == expected["step"]);
  CHECK(header.schedule_step == expected["schedule_step"]);
  CHECK(header.variable_count == expected["variable_count"]);
  CHECK(header.data_bytes == expected["data_bytes"]);
}

TEST_CASE("what Python writes is read field by field") {
#define OPTIONS(op, Struct, hex, text)
#define METADATA(hex, text) CheckMetadata(hex, text);
#define WEIGHT_HEADER(hex, text) CheckWeightHeader(hex, text);
#include "tests/vectors/wire_format.inc"
#undef OPTIONS
#undef METADATA
#undef WEIGHT_HEADER
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
