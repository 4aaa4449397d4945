// Runs a generated training loop (tinyprop_app.cc) to its end, on an interpreter that this file plays: every sample is
// trained, as long as the learning rate is above 0. Exits as Run does, or with 9 if the loop goes on for too long.
//
// Arguments: file with the model's metadata entry, elements of the model's input, of its output, and the most invokes.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "tinyprop_app.h"
#include "tinyprop_self_test.h"
#include "tinyprop_user.h"

void MicroPrintf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::printf("\n");
}

namespace {

std::vector<uint8_t> entry;
tinyprop::TrainingMetadata metadata;
std::vector<std::vector<float>> tensors;  // of four bytes each: inputs, then outputs
std::vector<TfLiteTensor> views;
long invokes = 0, most_invokes = 0;
uint8_t flash[2 * 4096];
tinyprop::Storage storage;

void MakeTensors(int inputs, int outputs) {
  std::vector<int> sizes = {inputs, 1, tinyprop::kControlSize, outputs, 1,
                            (1 + metadata.layer_count()) * tinyprop::kStatisticsFields};
  for (int v = 0; v < metadata.variable_count(); ++v) sizes.push_back(metadata.VariableElements(v));
  for (const int size : sizes) tensors.emplace_back(static_cast<size_t>(size));
  for (std::vector<float>& values : tensors) {
    TfLiteTensor view = {};
    view.data.data = values.data();
    view.bytes = 4 * values.size();
    view.type = views.size() == static_cast<size_t>(metadata.label_input()) ? kTfLiteInt32 : kTfLiteFloat32;
    views.push_back(view);
  }
}

}  // namespace

// What the stand-in headers declare.
namespace flatbuffers {

const char* String::c_str() const { return "TINYPROP"; }
template <>
uint32_t Vector<tflite::Metadata>::size() const { return 1; }
template <>
const tflite::Metadata* Vector<tflite::Metadata>::Get(uint32_t) const { static const tflite::Metadata value = {}; return &value; }
template <>
uint32_t Vector<tflite::Buffer>::size() const { return 1; }
template <>
const tflite::Buffer* Vector<tflite::Buffer>::Get(uint32_t) const { static const tflite::Buffer value = {}; return &value; }
template <>
uint32_t Vector<uint8_t>::size() const { return static_cast<uint32_t>(entry.size()); }
template <>
const uint8_t* Vector<uint8_t>::data() const { return entry.data(); }

}  // namespace flatbuffers

TFLM_CC_BEGIN

const flatbuffers::String* Metadata::name() const { static const flatbuffers::String value = {}; return &value; }
uint32_t Metadata::buffer() const { return 0; }
const flatbuffers::Vector<uint8_t>* Buffer::data() const { static const flatbuffers::Vector<uint8_t> value = {}; return &value; }
uint32_t Model::version() const { return 3; }
const flatbuffers::Vector<Metadata>* Model::metadata() const { static const flatbuffers::Vector<Metadata> value = {}; return &value; }
const flatbuffers::Vector<Buffer>* Model::buffers() const { static const flatbuffers::Vector<Buffer> value = {}; return &value; }
const Model* GetModel(const void*) { static const Model value = {}; return &value; }

MicroInterpreter::MicroInterpreter(const Model*, const MicroOpResolver&, uint8_t*, size_t) {}
MicroInterpreter::~MicroInterpreter() {}
TfLiteStatus MicroInterpreter::AllocateTensors() { return kTfLiteOk; }
TfLiteStatus MicroInterpreter::Reset() { return kTfLiteOk; }
TfLiteTensor* MicroInterpreter::input(size_t index) { return &views[index]; }
TfLiteTensor* MicroInterpreter::output(size_t index) { return &views[3 + index]; }
size_t MicroInterpreter::inputs_size() const { return 3; }
size_t MicroInterpreter::outputs_size() const { return views.size() - 3; }
size_t MicroInterpreter::arena_used_bytes() const { return 0; }
TfLiteStatus MicroInterpreter::Invoke() {
  if (++invokes > most_invokes) std::_Exit(9);
  const float rate = tensors[static_cast<size_t>(metadata.control_input())][0];
  float* const statistics = tensors[3 + static_cast<size_t>(metadata.statistics_output())].data();
  statistics[0] = static_cast<float>(rate > 0.0f ? tinyprop::SampleStatus::kTrained : tinyprop::SampleStatus::kInference);
  return kTfLiteOk;
}

TFLM_CC_END

const unsigned char tinyprop_app::kModel[1] = {};

namespace tinyprop_app {

bool RunSelfTest(tinyprop::Trainer*) { return true; }
bool NextSample(const tinyprop::Trainer&, int32_t, LabelElement* label) {
  *label = 0;
  return true;
}
const tinyprop::Storage& WeightStorage() { return storage; }

}  // namespace tinyprop_app

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  std::FILE* const file = std::fopen(argv[1], "rb");
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) entry.push_back(static_cast<uint8_t>(c));
  std::fclose(file);
  if (metadata.Parse({entry.data(), static_cast<int32_t>(entry.size())}) != tinyprop::Status::kOk) return 3;
  MakeTensors(std::atoi(argv[2]), std::atoi(argv[3]));
  most_invokes = std::atol(argv[4]);
  storage.context = flash;
  storage.read = [](void* context, uint32_t address, void* data, uint32_t size) {
    std::memcpy(data, static_cast<uint8_t*>(context) + address, size);
    return true;
  };
  storage.program = [](void* context, uint32_t address, const void* data, uint32_t size) {
    std::memcpy(static_cast<uint8_t*>(context) + address, data, size);
    return true;
  };
  storage.erase = [](void* context, uint32_t address) {
    std::memset(static_cast<uint8_t*>(context) + address, 0xff, 512);
    return true;
  };
  storage.sync = [](void*) { return true; };
  storage.program_size = 8;
  storage.erase_size = 512;
  storage.size = sizeof flash;
  return tinyprop_app::Run();
}
