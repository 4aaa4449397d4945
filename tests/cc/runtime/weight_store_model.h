// A model with weights to keep, and the bytes that keeping them should give.
#ifndef TINYPROP_TESTS_CC_RUNTIME_WEIGHT_STORE_MODEL_H_
#define TINYPROP_TESTS_CC_RUNTIME_WEIGHT_STORE_MODEL_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "cc/runtime/crc32.h"
#include "cc/runtime/weight_store.h"
#include "tests/cc/runtime/emulated_flash.h"

namespace tinyprop {
namespace testing {

class StoredModel {
 public:
  explicit StoredModel(const std::vector<int32_t>& elements, uint32_t fingerprint = 0x12345678)
      : fingerprint_(fingerprint) {
    for (const int32_t n : elements) variables_.emplace_back(static_cast<size_t>(n));
  }

  // Every version has other values: random bits, thus also NaN, infinity and denormals.
  void Become(uint32_t version) {
    SmallRandom random(version);
    for (std::vector<float>& values : variables_) {
      for (float& value : values) {
        const auto bits = static_cast<uint32_t>(random.Next());
        std::memcpy(&value, &bits, sizeof value);
      }
    }
    step_ = static_cast<uint32_t>(random.Next());
    schedule_step_ = static_cast<uint32_t>(random.Next());
  }
  // Whether Become(version) would change nothing, bit by bit.
  bool Is(uint32_t version) const {
    SmallRandom random(version);
    for (const std::vector<float>& values : variables_) {
      for (const float& value : values) {
        const auto bits = static_cast<uint32_t>(random.Next());
        if (std::memcmp(&value, &bits, sizeof value) != 0) return false;
      }
    }
    return step_ == static_cast<uint32_t>(random.Next()) && schedule_step_ == static_cast<uint32_t>(random.Next());
  }

  TrainingState state() {
    TrainingState state;
    state.fingerprint = fingerprint_;
    state.step = step_;
    state.schedule_step = schedule_step_;
    state.variable_count = static_cast<int32_t>(variables_.size());
    state.context = this;
    state.variable = [](void* self, int32_t index) {
      std::vector<float>& values = static_cast<StoredModel*>(self)->variables_[static_cast<size_t>(index)];
      return Span<float>(values.data(), static_cast<int32_t>(values.size()));
    };
    return state;
  }

  template <typename Store>
  Status Save(Store& store) {
    return store.Save(state());
  }
  template <typename Store>
  Status Load(Store& store) {
    TrainingState loaded = state();
    const Status status = store.Load(&loaded);
    step_ = loaded.step;
    schedule_step_ = loaded.schedule_step;
    return status;
  }

  // The record as SPEC.md describes it.
  std::vector<uint8_t> Record(uint32_t sequence, uint16_t version = 2) const {
    std::vector<uint8_t> bytes = {'T', 'P', 'W', 'R', static_cast<uint8_t>(version), 0};
    uint32_t data_bytes = 0;
    for (const std::vector<float>& values : variables_) data_bytes += 4 * static_cast<uint32_t>(values.size());
    const uint8_t header_size = version == 1 ? 28 : version == 2 ? 32 : 40;
    bytes.insert(bytes.end(), {header_size, 0});
    for (const uint32_t field : {fingerprint_, sequence, step_}) Append(field, &bytes);
    if (version >= 2) Append(schedule_step_, &bytes);
    bytes.resize(header_size - 8u);
    Append(static_cast<uint32_t>(variables_.size()), &bytes);
    Append(data_bytes, &bytes);
    for (const std::vector<float>& values : variables_) Append(static_cast<uint32_t>(values.size()), &bytes);
    for (const std::vector<float>& values : variables_) {
      for (const float value : values) {
        uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        Append(bits, &bytes);
      }
    }
    AppendCrc(&bytes);
    return bytes;
  }

  static void AppendCrc(std::vector<uint8_t>* bytes) {
    Append(Crc32(0, bytes->data(), static_cast<uint32_t>(bytes->size())), bytes);
  }

 private:
  static void Append(uint32_t value, std::vector<uint8_t>* bytes) {
    for (int shift = 0; shift < 32; shift += 8) bytes->push_back(static_cast<uint8_t>(value >> shift));
  }

  uint32_t fingerprint_;
  std::vector<std::vector<float>> variables_;
  uint32_t step_ = 0;
  uint32_t schedule_step_ = 0;
};

// A store with a buffer that begins at an odd address and ends where it says.
class StoreOn {
 public:
  StoreOn(const Storage& storage, int32_t buffer_size) : buffer_(static_cast<size_t>(buffer_size) + 1) {
    status = store.Init(storage, {buffer_.data() + 1, buffer_size});
  }
  StoreOn(const StoreOn&) = delete;

  Status Save(const TrainingState& state) { return store.Save(state); }
  Status Load(TrainingState* state) { return store.Load(state); }

  Status status;
  WeightStore store;

 private:
  std::vector<uint8_t> buffer_;
};

}  // namespace testing
}  // namespace tinyprop

#endif  // TINYPROP_TESTS_CC_RUNTIME_WEIGHT_STORE_MODEL_H_
