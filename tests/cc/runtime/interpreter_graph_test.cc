// The adapter between TFLM's interpreter and the Trainer, on stand-ins with the members that TFLM's types have.
#include "cc/runtime/interpreter_graph.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "doctest/doctest.h"

namespace tinyprop {
namespace {

struct FakeTensor {
  union {
    void* data;
  } data;
  size_t bytes;
  int type;
};

struct FakeInterpreter {
  std::vector<FakeTensor> in, out;
  int invoked = 0, reset = 0;
  api::Status answer = api::kOk;

  size_t inputs_size() const { return in.size(); }
  size_t outputs_size() const { return out.size(); }
  FakeTensor* input(size_t i) { return i < in.size() ? &in[i] : nullptr; }
  FakeTensor* output(size_t i) { return i < out.size() ? &out[i] : nullptr; }
  api::Status Invoke() {
    ++invoked;
    return answer;
  }
  api::Status Reset() {
    ++reset;
    return answer;
  }
};

// The part of the schema's generated classes that is used.
template <typename T>
struct FakeVector {
  std::vector<T> items;
  uint32_t size() const { return static_cast<uint32_t>(items.size()); }
  const T* Get(uint32_t i) const { return &items[i]; }
  const T* data() const { return items.data(); }
};
struct FakeString {
  std::string text;
  const char* c_str() const { return text.c_str(); }
};
struct FakeMetadata {
  FakeString key;
  uint32_t index;
  bool has_name = true;
  const FakeString* name() const { return has_name ? &key : nullptr; }
  uint32_t buffer() const { return index; }
};
struct FakeBuffer {
  FakeVector<uint8_t> bytes;
  const FakeVector<uint8_t>* data() const { return bytes.items.empty() ? nullptr : &bytes; }
};
struct FakeModel {
  FakeVector<FakeMetadata> entries;
  FakeVector<FakeBuffer> contents;
  bool has_metadata = true, has_buffers = true;
  const FakeVector<FakeMetadata>* metadata() const { return has_metadata ? &entries : nullptr; }
  const FakeVector<FakeBuffer>* buffers() const { return has_buffers ? &contents : nullptr; }
};

}  // namespace

TEST_CASE("tensors are seen where they lie, with their type") {
  float x[3] = {1, 2, 3};
  int32_t label[2] = {4, 5};
  int8_t quantized[4] = {6, 7, 8, 9};
  FakeInterpreter interpreter;
  interpreter.in = {{{x}, sizeof x, api::kFloat32Code}, {{label}, sizeof label, api::kInt32Code}};
  interpreter.out = {{{quantized}, sizeof quantized, api::kInt8Code}};
  const TrainingGraph graph = GraphOf(interpreter);
  CHECK(graph.inputs == 2);
  CHECK(graph.outputs == 1);
  CHECK(graph.input(graph.context, 0).floats().data == x);
  CHECK(graph.input(graph.context, 0).floats().size == 3);
  CHECK(graph.input(graph.context, 0).ints().empty());
  CHECK(graph.input(graph.context, 1).ints().size == 2);
  CHECK(graph.output(graph.context, 0).int8s().size == 4);
  CHECK(graph.output(graph.context, 1).data == nullptr);
}

TEST_CASE("invoke and reset reach the interpreter and tell how they went") {
  FakeInterpreter interpreter;
  const TrainingGraph graph = GraphOf(interpreter);
  CHECK(graph.invoke(graph.context));
  CHECK(graph.reset(graph.context));
  CHECK(interpreter.invoked == 1);
  CHECK(interpreter.reset == 1);
  interpreter.answer = api::kError;
  CHECK_FALSE(graph.invoke(graph.context));
  CHECK_FALSE(graph.reset(graph.context));
}

FakeModel ModelWithEntry() {
  FakeModel model;
  model.contents.items = {FakeBuffer{}, FakeBuffer{{{1, 2, 3}}}, FakeBuffer{{{9}}}};
  model.entries.items = {{{"min_runtime_version"}, 2}, {{"nameless"}, 2, false}, {{"TINYPROP"}, 1}};
  return model;
}

TEST_CASE("the entry TINYPROP is found among others") {
  FakeModel model = ModelWithEntry();
  SUBCASE("as the last") {}
  SUBCASE("as the first") { std::swap(model.entries.items[0], model.entries.items[2]); }
  const Span<const uint8_t> entry = TrainingMetadataOf(model);
  REQUIRE(entry.size == 3);
  CHECK(entry.data == model.contents.items[1].bytes.data());
}

TEST_CASE("a model without the entry gives nothing") {
  FakeModel model = ModelWithEntry();
  SUBCASE("no metadata at all") { model.has_metadata = false; }
  SUBCASE("no buffers at all") { model.has_buffers = false; }
  SUBCASE("another name") { model.entries.items[2].key.text = "TINYPROPS"; }
  SUBCASE("a buffer without data") { model.entries.items[2].index = 0; }
  SUBCASE("a buffer that is not there") { model.entries.items[2].index = 3; }
  CHECK(TrainingMetadataOf(model).empty());
}

}  // namespace tinyprop
