#include "cc/tflm/op_options.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "tests/cc/random_arrays.h"
#include "tests/cc/vectors.h"
#include "tests/cc/wire_fields.h"

namespace tinyprop {
namespace testing {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr OptionsError kNone = OptionsError::kNone;
constexpr OptionsError kDamaged = OptionsError::kDamaged;
constexpr OptionsError kNewerVersion = OptionsError::kNewerVersion;
constexpr OptionsError kUnknownValue = OptionsError::kUnknownValue;

// Parses the first `length` bytes from a heap block of exactly that size, one byte off any alignment.
template <typename Options>
OptionsError ParsePrefix(const Bytes& bytes, size_t length, Options* options) {
  const std::unique_ptr<char[]> block(new char[length + 1]);
  std::copy_n(bytes.begin(), length, block.get() + 1);
  return Parse(block.get() + 1, length, options);
}

template <typename Options>
OptionsError ParseAll(const Bytes& bytes, Options* options) {
  return ParsePrefix(bytes, bytes.size(), options);
}

// What holds for the options of every op. valid: well-formed options of version 1.
template <typename Options>
void CheckHeader(const Bytes& valid) {
  Options options;
  CHECK(ParseAll(valid, &options) == kNone);
  CHECK(Parse(nullptr, 0, &options) == kDamaged);
  CHECK(Parse(nullptr, valid.size(), &options) == kDamaged);

  for (size_t length = 0; length < valid.size(); ++length) {
    CAPTURE(length);
    CHECK(ParsePrefix(valid, length, &options) == kDamaged);
    if (length < 4) continue;
    Bytes cut = valid;
    cut[2] = static_cast<uint8_t>(length);  // a size field that agrees
    CHECK(ParsePrefix(cut, length, &options) == kDamaged);
  }
  // What a later writer may have put behind the known fields, if the size counts it.
  Bytes longer = valid;
  longer.push_back(0xff);
  CHECK(ParseAll(longer, &options) == kDamaged);
  longer[2] = static_cast<uint8_t>(longer.size());
  CHECK(ParseAll(longer, &options) == kNone);

  for (int size = 0; size < 256; ++size) {
    Bytes wrong_size = valid;
    wrong_size[2] = static_cast<uint8_t>(size);
    CHECK((ParseAll(wrong_size, &options) == kNone) == (size == static_cast<int>(valid.size())));
  }
  constexpr uint8_t kNext = sizeof Options::kBytes / sizeof *Options::kBytes + 1;
  Bytes version = valid;
  version[0] = 0;
  CHECK(ParseAll(version, &options) == kDamaged);
  version[0] = kNext;
  CHECK(ParseAll(version, &options) == kNewerVersion);
  version[0] = 0;
  version[1] = 1;  // version 256
  CHECK(ParseAll(version, &options) == kNewerVersion);
  // A newer version is named as such whatever size it has, as soon as the header is there.
  Bytes newer = {kNext, 0, 99, 0, 1, 2, 3};
  for (size_t length = 4; length <= newer.size(); ++length) {
    CHECK(ParsePrefix(newer, length, &options) == kNewerVersion);
  }
}

template <typename Options>
void CheckVector(const char* hex, const char* text) {
  CAPTURE(hex);
  const Bytes bytes = BytesOfHex(hex);
  CheckHeader<Options>(bytes);
  Options options;
  REQUIRE(ParseAll(bytes, &options) == kNone);
  const std::map<std::string, double> expected = FieldsOfText(text);
  const Fields fields = FieldsOf(options);
  CHECK(fields.size() == expected.size());
  for (const auto& field : fields) {
    CAPTURE(field.first);
    CHECK(field.second == expected.at(field.first));
  }
  // A writer that copies the struct behind a header writes the same bytes.
  const auto* const body = reinterpret_cast<const uint8_t*>(&options);
  CHECK(std::equal(bytes.begin() + 4, bytes.end(), body));
}

TEST_CASE("every op's options are read as Python writes them") {
#define OPTIONS(op, Struct, hex, text) CheckVector<Struct>(hex, text);
#define METADATA(hex, text)
#define WEIGHT_HEADER(hex, text)
#include "tests/vectors/wire_format.inc"
#undef OPTIONS
#undef METADATA
#undef WEIGHT_HEADER
}

// Options that have grown twice.
struct GrownOptions {
  static constexpr uint16_t kBytes[] = {2, 4, 8};

  uint16_t first = 0;
  uint16_t second = 77;
  float third = 2.5f;
};
constexpr bool IsKnown(const GrownOptions& o) { return o.second >= 1; }

TEST_CASE("older options keep the defaults of the fields that came later") {
  CheckHeader<GrownOptions>({1, 0, 6, 0, 5, 0});
  CheckHeader<GrownOptions>({2, 0, 8, 0, 5, 0, 6, 0});
  CheckHeader<GrownOptions>({3, 0, 12, 0, 5, 0, 6, 0, 0, 0, 0, 0x40});
  GrownOptions options;
  REQUIRE(ParseAll({1, 0, 6, 0, 5, 0}, &options) == kNone);
  CHECK(options.first == 5);
  CHECK(options.second == 77);
  CHECK(options.third == 2.5f);
  // Version 1 says nothing about what lies behind its fields.
  REQUIRE(ParseAll({1, 0, 8, 0, 5, 0, 9, 0}, &options) == kNone);
  CHECK(options.second == 77);
  REQUIRE(ParseAll({2, 0, 8, 0, 5, 0, 6, 0}, &options) == kNone);
  CHECK(options.second == 6);
  CHECK(options.third == 2.5f);
  CHECK(ParseAll({2, 0, 8, 0, 5, 0, 0, 0}, &options) == kUnknownValue);
  CHECK(ParseAll({2, 0, 6, 0, 5, 0}, &options) == kDamaged);
  CHECK(ParseAll({3, 0, 8, 0, 5, 0, 6, 0}, &options) == kDamaged);
}

const Bytes kLoss = {1, 0, 6, 0, 1, 3};
const Bytes kLayerGrad = {1, 0, 10, 0, 2, 5, 7, 0, 1, 2};
const Bytes kConvGrad = {1, 0, 22, 0, 2, 5, 7, 0, 1, 2, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1};
const Bytes kPoolGrad = {1, 0, 20, 0, 2, 0, 3, 1, 4, 0, 5, 0, 1, 0, 1, 0, 6, 0, 7, 0};
const Bytes kActivationGrad = {1, 0, 12, 0, 4, 0, 0, 0, 0, 0, 0x80, 0x3e};

// The error for `valid` with one byte changed.
template <typename Options>
OptionsError WithByte(Bytes valid, size_t position, int value) {
  Options options;
  valid[position] = static_cast<uint8_t>(value);
  return ParseAll(valid, &options);
}

TEST_CASE("unknown values are refused") {
  for (int value = 0; value < 256; ++value) {
    CAPTURE(value);
    CHECK(WithByte<LossOptions>(kLoss, 4, value) == (value < 2 ? kNone : kUnknownValue));
    CHECK(WithByte<LossOptions>(kLoss, 5, value) == (value < 4 ? kNone : kUnknownValue));
    CHECK(WithByte<LayerGradOptions>(kLayerGrad, 4, value) == (value < 4 ? kNone : kUnknownValue));
    CHECK(WithByte<LayerGradOptions>(kLayerGrad, 5, value) == ((value & ~(7 | 16)) == 0 ? kNone : kUnknownValue));
    CHECK(WithByte<LayerGradOptions>(kLayerGrad, 6, value) == (value > 0 ? kNone : kUnknownValue));
    CHECK(WithByte<ConvGradOptions>(kConvGrad, 4, value) == (value < 4 ? kNone : kUnknownValue));
    CHECK(WithByte<ConvGradOptions>(kConvGrad, 5, value) == ((value & ~(7 | 16)) == 0 ? kNone : kUnknownValue));
    for (size_t at : {6, 10, 12, 14, 16}) {  // the layer, strides and dilations
      CHECK(WithByte<ConvGradOptions>(kConvGrad, at, value) == (value > 0 ? kNone : kUnknownValue));
    }
    for (size_t at : {4, 8, 10, 12, 14}) {  // filter height, strides and dilations
      CHECK(WithByte<PoolGradOptions>(kPoolGrad, at, value) == (value > 0 ? kNone : kUnknownValue));
    }
    for (size_t at : {18, 20}) {  // paddings
      CHECK(WithByte<ConvGradOptions>(kConvGrad, at, value) == kNone);
    }
    CHECK(WithByte<ActivationGradOptions>(kActivationGrad, 4, value) ==
          (value < kElementwiseActivationCount ? kNone : kUnknownValue));
  }
}

TEST_CASE("random bytes never give options that are out of range") {
  Random random;
  INFO(random.Repeat());
  for (int repeat = 0; repeat < 20000; ++repeat) {
    Bytes bytes(static_cast<size_t>(random.Int(0, 24)));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Int(0, 255));
    // Most headers would be refused, so half of them are made right.
    if (bytes.size() >= 4 && random.Chance(0.5)) {
      const uint8_t header[4] = {1, 0, static_cast<uint8_t>(bytes.size()), 0};
      std::memcpy(bytes.data(), header, sizeof header);
    }
    InitializeOptions initialize;
    ParseAll(bytes, &initialize);
    DecisionOptions decision;
    ParseAll(bytes, &decision);
    LossOptions loss;
    if (ParseAll(bytes, &loss) == kNone) {
      CHECK(loss.label_kind <= 1);
      CHECK(loss.fused_activation <= 3);
    }
    PoolGradOptions pool;
    if (ParseAll(bytes, &pool) == kNone) {
      CHECK(std::min({pool.filter_height, pool.filter_width, pool.window.stride_height,
                      pool.window.stride_width}) >= 1);
    }
    ConvGradOptions conv;
    if (ParseAll(bytes, &conv) == kNone) {
      CHECK(conv.layer.fused_activation <= 3);
      CHECK(std::min({conv.window.stride_height, conv.window.stride_width,
                      conv.window.dilation_height, conv.window.dilation_width}) >= 1);
    }
    ActivationGradOptions activation;
    if (ParseAll(bytes, &activation) == kNone) CHECK(activation.kind < kElementwiseActivationCount);
    SoftmaxGradOptions softmax;
    ParseAll(bytes, &softmax);
    LayerGradOptions layer;
    if (ParseAll(bytes, &layer) == kNone) {
      CHECK(layer.fused_activation <= 3);
      CHECK(layer.layer >= 1);
    }
  }
}

}  // namespace
}  // namespace testing
}  // namespace tinyprop
