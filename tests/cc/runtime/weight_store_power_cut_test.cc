// The power fails in every operation of many saves, and again in every operation of the save that follows.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "cc/runtime/crc32.h"
#include "cc/runtime/weight_store.h"
#include "doctest/doctest.h"
#include "tests/cc/runtime/emulated_flash.h"
#include "tests/cc/runtime/weight_store_model.h"

namespace tinyprop {
namespace {

using testing::EmulatedFlash;
using testing::FlashGeometry;
using testing::SmallRandom;
using testing::StoredModel;
using testing::StoreOn;

// Always the same, unless TINYPROP_TEST_SEED asks for another one.
uint64_t Seed() {
  const char* given = std::getenv("TINYPROP_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
}

struct Setup {
  FlashGeometry geometry;
  int32_t buffer_size;
  std::vector<int32_t> elements;  // of the model's variables
  int saves;
};

constexpr uint32_t kNothing = 0;  // as a version: no record

// Runs a store through power cuts. Versions of the weights are numbered in the order in which they are saved. What is
// demanded after every cut:
//   - Load gives one of two versions, bit by bit: the one it gave or would have given before the Save that was cut, or
//     the one being saved. "No record" is allowed only as long as it was the truth before.
//   - So no version is lost once its Save has returned kOk or a Load has given it, except to a later one.
//   - A Save with power returns kOk afterwards, and Load gives its version.
//   - Load writes nothing.
template <typename Store>
class PowerCutTest {
 public:
  PowerCutTest(const Setup& setup, bool has_cache)
      : setup_(setup), random_(Seed()), model_(setup.elements), base_(setup.geometry, has_cache, random_.Next()),
        once_(base_), twice_(base_), last_(base_) {}

  void Run() {
    uint32_t committed = kNothing;
    for (int i = 0; i < setup_.saves; ++i) {
      const uint32_t version = ++versions_;
      CutEverywhere(base_, &once_, version, committed, 1);
      // Every other save of the main line is cut too: its slots are then not always a tidy pair.
      if (i % 2 == 1) {
        Cut(&base_, random_.Below(static_cast<uint32_t>(OperationsOfSave(base_))), version, committed, &committed);
      } else {
        SaveWithPower(&base_, version);
        committed = version;
      }
    }
  }

  uint64_t cuts() const { return cuts_; }
  uint64_t violations() const { return violations_; }
  // Cuts after which the version being saved was there, and those after which the earlier one was.
  uint64_t advanced() const { return advanced_; }
  uint64_t kept() const { return kept_; }
  const std::string& first_violation() const { return first_violation_; }

 private:
  void CutEverywhere(const EmulatedFlash& before, EmulatedFlash* flash, uint32_t version, uint32_t committed,
                     int depth) {
    const uint64_t operations = OperationsOfSave(before);
    for (uint64_t at = 0; at < operations; ++at) {
      *flash = before;
      flash->Reseed(random_.Next());
      uint32_t found;
      Cut(flash, at, version, committed, &found);
      if (depth == 1) {
        CutEverywhere(*flash, &twice_, version + 1, found, 2);
      } else if (random_.Below(8) == 0) {
        SaveWithPower(flash, version + 1);
      }
    }
  }

  // Saves and cuts; *found becomes the version that Load gives then.
  void Cut(EmulatedFlash* flash, uint64_t at, uint32_t version, uint32_t committed, uint32_t* found) {
    model_.Become(version);
    flash->CutAfter(at);
    {
      Store store(flash->storage(), setup_.buffer_size);
      if (model_.Save(store) != Status::kStorageFailed) Violation("Save succeeded without power");
    }
    flash->Reboot();
    ++cuts_;
    *found = LoadFrom(flash);
    advanced_ += *found == version;
    kept_ += *found == committed;
    if (*found != version && *found != committed) {
      Violation("version " + std::to_string(*found) + " after a cut in operation " + std::to_string(at) +
                " of saving " + std::to_string(version) + " over " + std::to_string(committed));
      *found = committed;
    }
  }

  void SaveWithPower(EmulatedFlash* flash, uint32_t version) {
    model_.Become(version);
    Store store(flash->storage(), setup_.buffer_size);
    if (model_.Save(store) != Status::kOk) Violation("Save failed with power");
    if (LoadFrom(flash) != version) Violation("Load did not give what was saved with power");
  }

  // The version that the flash holds; an impossible one if it is none that was ever saved.
  uint32_t LoadFrom(EmulatedFlash* flash) {
    const uint64_t operations = flash->operations();
    model_.Become(kImpossible);
    Store store(flash->storage(), setup_.buffer_size);
    const Status status = model_.Load(store);
    if (flash->operations() != operations) Violation("Load wrote");
    if (!flash->misuse().empty()) Violation(flash->misuse());
    if (status == Status::kNoRecord && model_.Is(kImpossible)) return kNothing;
    if (status != Status::kOk) return kImpossible;
    // Versions up to two ahead of the main line are being saved in the two depths, and one more after them.
    for (uint32_t version = versions_ + 3; version > 0; --version) {
      if (model_.Is(version)) return version;
    }
    return kImpossible;
  }

  uint64_t OperationsOfSave(const EmulatedFlash& flash) {
    last_ = flash;
    model_.Become(kImpossible);
    Store store(last_.storage(), setup_.buffer_size);
    if (model_.Save(store) != Status::kOk) Violation("Save failed with power");
    return last_.operations() - flash.operations();
  }

  void Violation(const std::string& what) {
    ++violations_;
    if (first_violation_.empty()) first_violation_ = what;
  }

  static constexpr uint32_t kImpossible = 0xffffffff;

  Setup setup_;
  SmallRandom random_;
  StoredModel model_;
  EmulatedFlash base_, once_, twice_, last_;
  uint32_t versions_ = 0;
  uint64_t cuts_ = 0, violations_ = 0, advanced_ = 0, kept_ = 0;
  std::string first_violation_;
};

// A store as one would write it first: one slot, or two of which the header is believed. With two slots and a CRC it is
// what a store has to be, as far as cuts go.
template <bool kTwoSlots, bool kChecksCrc>
class NaiveStore {
 public:
  NaiveStore(const Storage& storage, int32_t) : storage_(storage) {}

  Status Save(const TrainingState& state) {
    const Found newest = Newest(state);
    const uint32_t address = kTwoSlots && newest.slot == 0 ? storage_.size / 2 : 0;
    std::vector<uint8_t> bytes = Bytes(state, newest.sequence + 1);
    bytes.resize((bytes.size() + storage_.program_size - 1) / storage_.program_size * storage_.program_size, 0xff);
    for (uint32_t offset = 0; offset < bytes.size(); offset += storage_.erase_size) {
      if (!storage_.erase(storage_.context, address + offset)) return Status::kStorageFailed;
    }
    const bool is_done = storage_.program(storage_.context, address, bytes.data(), static_cast<uint32_t>(bytes.size()));
    return is_done && storage_.sync(storage_.context) ? Status::kOk : Status::kStorageFailed;
  }

  Status Load(TrainingState* state) {
    const Found newest = Newest(*state);
    if (newest.slot < 0) return Status::kNoRecord;
    const uint8_t* from = newest.bytes.data() + 8;
    std::memcpy(&state->step, from, 4);
    std::memcpy(&state->schedule_step, from + 4, 4);
    from += 8;
    for (int32_t v = 0; v < state->variable_count; ++v) {
      const Span<float> values = state->variable(state->context, v);
      for (float& value : values) {
        std::memcpy(&value, from, 4);
        from += 4;
      }
    }
    return Status::kOk;
  }

 private:
  struct Found {
    int slot = -1;
    uint32_t sequence = 0;
    std::vector<uint8_t> bytes;
  };
  static constexpr uint32_t kMagic = 0x4556494e;
  static constexpr uint32_t kResidue = 0x2144df1c;  // the CRC of anything followed by its CRC

  // Magic, sequence, step, schedule step, values, CRC.
  static std::vector<uint8_t> Bytes(const TrainingState& state, uint32_t sequence) {
    const uint32_t header[4] = {kMagic, sequence, state.step, state.schedule_step};
    std::vector<uint8_t> bytes(sizeof header);
    std::memcpy(bytes.data(), header, sizeof header);
    for (int32_t v = 0; v < state.variable_count; ++v) {
      const Span<float> values = state.variable(state.context, v);
      const auto* data = reinterpret_cast<const uint8_t*>(values.data);
      bytes.insert(bytes.end(), data, data + values.size * 4);
    }
    StoredModel::AppendCrc(&bytes);
    return bytes;
  }

  Found Newest(const TrainingState& state) const {
    Found newest;
    for (int slot = 0; slot < (kTwoSlots ? 2 : 1); ++slot) {
      std::vector<uint8_t> bytes = Bytes(state, 0);
      const auto size = static_cast<uint32_t>(bytes.size());
      storage_.read(storage_.context, static_cast<uint32_t>(slot) * storage_.size / 2, bytes.data(), size);
      uint32_t header[2];
      std::memcpy(header, bytes.data(), sizeof header);
      if (header[0] != kMagic || (kChecksCrc && Crc32(0, bytes.data(), size) != kResidue)) continue;
      if (newest.slot < 0 || IsLater(header[1], newest.sequence)) newest = {slot, header[1], std::move(bytes)};
    }
    return newest;
  }

  Storage storage_;
};

const Setup kSetups[] = {
    {{1, 64, 256}, 64, {1, 0}, 100},
    {{4, 128, 512}, 68, {2, 6, 4}, 100},
    {{8, 64, 1024}, 72, {6, 0, 8, 16, 3}, 100},
    {{16, 512, 1024}, 64, {10, 20, 3}, 100},
    {{32, 4096, 8192}, 96, {40, 20, 3}, 100},
    {{256, 1024, 8192}, 256, {200, 60, 5}, 100},
};

}  // namespace

TEST_CASE("a power cut costs at most what was not committed") {
  uint64_t cuts = 0, advanced = 0, kept = 0;
  const auto start = std::chrono::steady_clock::now();
  for (const Setup& setup : kSetups) {
    for (const bool has_cache : {false, true}) {
      INFO("TINYPROP_TEST_SEED=" << Seed() << " program " << setup.geometry.program_size << " cache " << has_cache);
      PowerCutTest<StoreOn> test(setup, has_cache);
      test.Run();
      INFO(test.first_violation());
      CHECK(test.violations() == 0);
      cuts += test.cuts();
      advanced += test.advanced();
      kept += test.kept();
    }
  }
  CHECK(cuts >= 100000);
  // Both outcomes have to occur, or the emulation is too tame.
  CHECK(advanced > cuts / 100);
  CHECK(kept > cuts / 2);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  MESSAGE(cuts << " cuts, after " << advanced << " of which the new record was there, seed " << Seed() << ", "
               << seconds << " s");
}

// Saves in pieces, each of which does no more than it may.
class SteppedStoreOn : public StoreOn {
 public:
  SteppedStoreOn(const Storage& storage, int32_t buffer_size) : StoreOn(storage, buffer_size) {}

  Status Save(const TrainingState& state) {
    const Status begun = store.SaveBegin(state);
    if (begun != Status::kOk) return begun;
    Status result = Status::kSaving;
    while (result == Status::kSaving) result = store.SaveStep(state);
    return result;
  }
};

TEST_CASE("a power cut in a save in pieces costs no more") {
  for (Setup setup : kSetups) {
    for (const bool has_cache : {false, true}) {
      INFO("TINYPROP_TEST_SEED=" << Seed() << " program " << setup.geometry.program_size << " cache " << has_cache);
      setup.saves = 10;
      PowerCutTest<SteppedStoreOn> test(setup, has_cache);
      test.Run();
      INFO(test.first_violation());
      CHECK(test.violations() == 0);
      CHECK(test.cuts() > 100);
    }
  }
}

// The storage's calls that a piece has done.
struct CountedStorage {
  explicit CountedStorage(const Storage& storage) : inner(storage), storage(storage) {
    this->storage.context = this;
    this->storage.read = [](void* self, uint32_t address, void* data, uint32_t size) {
      auto* const counted = static_cast<CountedStorage*>(self);
      counted->read_bytes += size;
      return counted->inner.read(counted->inner.context, address, data, size);
    };
    this->storage.program = [](void* self, uint32_t address, const void* data, uint32_t size) {
      auto* const counted = static_cast<CountedStorage*>(self);
      ++counted->writes;
      counted->programmed_bytes += size;
      return counted->inner.program(counted->inner.context, address, data, size);
    };
    this->storage.erase = [](void* self, uint32_t address) {
      auto* const counted = static_cast<CountedStorage*>(self);
      ++counted->writes;
      return counted->inner.erase(counted->inner.context, address);
    };
    this->storage.sync = [](void* self) {
      auto* const counted = static_cast<CountedStorage*>(self);
      ++counted->writes;
      return counted->inner.sync(counted->inner.context);
    };
  }
  CountedStorage(const CountedStorage&) = delete;
  void Clear() { read_bytes = programmed_bytes = writes = 0; }

  Storage inner, storage;
  uint32_t read_bytes = 0, programmed_bytes = 0, writes = 0;
};

TEST_CASE("a piece of a save is small") {
  for (const Setup& setup : kSetups) {
    CAPTURE(setup.buffer_size);
    EmulatedFlash flash(setup.geometry, false, 1);
    CountedStorage counted(flash.storage());
    const auto buffer = static_cast<uint32_t>(setup.buffer_size);
    StoreOn store(counted.storage, setup.buffer_size);
    StoredModel model(setup.elements);
    for (uint32_t version = 1; version <= 3; ++version) {
      model.Become(version);
      const TrainingState state = model.state();
      counted.Clear();
      REQUIRE(store.store.SaveBegin(state) == Status::kOk);
      CHECK(counted.read_bytes + counted.writes == 0);
      Status status = Status::kSaving;
      while (status == Status::kSaving) {
        counted.Clear();
        status = store.store.SaveStep(state);
        CHECK(counted.writes <= 1);
        CHECK(counted.programmed_bytes <= buffer);
        CHECK(counted.read_bytes <= buffer + 40);
        CHECK((counted.writes == 0 || counted.read_bytes == 0));
      }
      CHECK(status == Status::kOk);
      model.Become(9);
      CHECK(model.Load(store) == Status::kOk);
      CHECK(model.Is(version));
    }
    CHECK(flash.misuse().empty());
  }
}

TEST_CASE("what ends a save in pieces") {
  EmulatedFlash flash({4, 64, 512}, false, 3);
  StoreOn store(flash.storage(), 64);
  StoredModel model({6, 2, 3}), larger({6, 2, 4});
  TrainingState state = model.state();
  CHECK(store.store.SaveStep(state) == Status::kBadArgument);  // none has begun
  model.Become(1);
  CHECK(model.Save(store) == Status::kOk);
  CHECK(store.store.SaveStep(state) == Status::kBadArgument);  // it is done
  const auto begin = [&](int pieces) {
    model.Become(2);
    state = model.state();
    REQUIRE(store.store.SaveBegin(state) == Status::kOk);
    for (int i = 0; i < pieces; ++i) REQUIRE(store.store.SaveStep(state) == Status::kSaving);
  };
  for (int pieces = 0; pieces < 8; ++pieces) {
    CAPTURE(pieces);
    begin(pieces);
    CHECK(model.Load(store) == Status::kOk);
    CHECK(model.Is(1));
    CHECK(store.store.SaveStep(state) == Status::kBadArgument);
    begin(pieces);
    CHECK(store.store.SaveStep(larger.state()) == Status::kBadArgument);
    CHECK(store.store.SaveStep(state) == Status::kBadArgument);
    begin(pieces);
    model.Become(1);
    CHECK(model.Save(store) == Status::kOk);
    CHECK(store.store.SaveStep(state) == Status::kBadArgument);
  }
  WeightStore unstarted;
  CHECK(unstarted.SaveBegin(state) == Status::kNotInitialized);
  CHECK(unstarted.SaveStep(state) == Status::kNotInitialized);
  CHECK(flash.misuse().empty());
}

TEST_CASE_TEMPLATE("a naive store is caught", Naive, NaiveStore<false, true>, NaiveStore<true, false>) {
  for (const bool has_cache : {false, true}) {
    PowerCutTest<Naive> test({{8, 64, 512}, 64, {6, 8, 3}, 4}, has_cache);
    test.Run();
    CHECK(test.violations() > 0);
    MESSAGE(test.violations() << " of " << test.cuts() << " cuts: " << test.first_violation());
  }
}

// So that what is caught above are the flaws.
TEST_CASE("two slots and a CRC pass the same test") {
  PowerCutTest<NaiveStore<true, true>> test({{8, 64, 512}, 64, {6, 8, 3}, 4}, false);
  test.Run();
  INFO(test.first_violation());
  CHECK(test.violations() == 0);
}

}  // namespace tinyprop
