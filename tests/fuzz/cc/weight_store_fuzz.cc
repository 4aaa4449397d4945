// The weight store on a storage that holds anything, fails anywhere and loses power anywhere: what was saved is loaded again, and a
// load that is refused changes nothing.
#include <algorithm>

#include "tests/cc/runtime/weight_store_model.h"
#include "tests/fuzz/cc/fuzz.h"

namespace tinyprop {
namespace {

using testing::EmulatedFlash;
using testing::StoredModel;

constexpr testing::FlashGeometry kGeometries[] = {{1, 16, 512}, {4, 64, 512}, {8, 128, 1024}, {16, 256, 512}};

// The storage's bytes replaced by the input's, from somewhere on.
void Overwrite(FuzzedDataProvider& input, std::vector<uint8_t>* cells) {
  const auto at = input.ConsumeIntegralInRange<size_t>(0, cells->size() - 1);
  const std::vector<uint8_t> bytes = input.ConsumeBytes<uint8_t>(input.ConsumeIntegralInRange<size_t>(0, cells->size() - at));
  std::copy(bytes.begin(), bytes.end(), cells->begin() + static_cast<std::ptrdiff_t>(at));
}

// The versions of the model that a load may give; 0 stands for none.
struct Possible {
  std::vector<uint32_t> versions = {0};
  bool is_unknown = false;  // the storage was written past the store

  bool Has(uint32_t version) const {
    return is_unknown || std::find(versions.begin(), versions.end(), version) != versions.end();
  }
};

class Run {
 public:
  Run(FuzzedDataProvider& input, const testing::FlashGeometry& geometry, const std::vector<int32_t>& elements)
      : input_(input), flash_(geometry, input.ConsumeBool(), 1), model_(elements),
        buffer_(64 * input.ConsumeIntegralInRange<size_t>(1, 2)) {
    FUZZ_CHECK(store_.Init(flash_.storage(), {buffer_.data(), static_cast<int32_t>(buffer_.size())}) == Status::kOk);
    model_.Become(version_);
  }

  void Step() {
    switch (input_.ConsumeIntegralInRange<int>(0, 5)) {
      case 0:
        return Save(input_.ConsumeIntegralInRange<uint64_t>(0, 400));
      case 1:
        return Save(EmulatedFlash::kNever / 2);
      case 2:
        return Load();
      case 3:
        Overwrite(input_, &flash_.bytes());
        break;
      case 4:
        PutRecord();
        break;
      default:
        flash_.bytes()[input_.ConsumeIntegralInRange<size_t>(0, flash_.bytes().size() - 1)] ^=
            static_cast<uint8_t>(1u << input_.ConsumeIntegralInRange<int>(0, 7));
        break;
    }
    possible_.is_unknown = true;
  }

 private:
  // A record with some bytes that are not what they should be and a CRC that fits all the same.
  void PutRecord() {
    std::vector<uint8_t> record = model_.Record(input_.ConsumeIntegral<uint32_t>(), input_.ConsumeIntegralInRange<uint16_t>(1, 3));
    record.resize(record.size() - 4);
    for (int changes = input_.ConsumeIntegralInRange<int>(0, 3); changes > 0; --changes) {
      record[input_.ConsumeIntegralInRange<size_t>(0, record.size() - 1)] = input_.ConsumeIntegral<uint8_t>();
    }
    StoredModel::AppendCrc(&record);
    std::vector<uint8_t>& cells = flash_.bytes();
    const size_t at = input_.ConsumeBool() ? cells.size() / 2 : 0;
    std::copy_n(record.begin(), std::min(record.size(), cells.size() - at), cells.begin() + static_cast<std::ptrdiff_t>(at));
  }

  // The power fails after so many operations.
  void Save(uint64_t operations) {
    model_.Become(++version_);
    flash_.CutAfter(operations);
    const Status status = store_.Save(model_.state());
    const bool was_cut = flash_.is_cut();
    flash_.Reboot();
    FUZZ_CHECK(flash_.misuse().empty());
    if (status == Status::kStorageTooSmall) return;
    FUZZ_CHECK(status == Status::kOk || was_cut);
    if (status == Status::kOk) possible_ = {{version_}, false};
    else possible_.versions.push_back(version_);
  }

  void Load() {
    // Nothing is what the storage holds, so that a load that gives nothing shows.
    const uint32_t nothing = ~uint32_t{0};
    model_.Become(nothing);
    const Status status = model_.Load(store_);
    if (status != Status::kOk) {
      FUZZ_CHECK(model_.Is(nothing));
      FUZZ_CHECK(status == Status::kStorageTooSmall || possible_.Has(0));
      return;
    }
    if (possible_.is_unknown) return;
    uint32_t loaded = 0;
    for (const uint32_t version : possible_.versions) loaded = version != 0 && model_.Is(version) ? version : loaded;
    FUZZ_CHECK(loaded != 0);
    possible_.versions = {loaded};
  }

  FuzzedDataProvider& input_;
  EmulatedFlash flash_;
  StoredModel model_;
  std::vector<uint8_t> buffer_;
  WeightStore store_;
  uint32_t version_ = 1;
  Possible possible_;
};

}  // namespace
}  // namespace tinyprop

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinyprop;
  FuzzedDataProvider input(data, size);
  const testing::FlashGeometry& geometry = kGeometries[input.ConsumeIntegralInRange<int>(0, 3)];
  std::vector<int32_t> elements(input.ConsumeIntegralInRange<size_t>(1, 3));
  for (int32_t& n : elements) n = input.ConsumeIntegralInRange<int32_t>(1, 20);
  Run run(input, geometry, elements);
  while (input.remaining_bytes() > 0) run.Step();
  return 0;
}
