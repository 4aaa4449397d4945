#include "cc/runtime/weight_store.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "cc/runtime/weight_record.h"
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

using Bytes = std::vector<uint8_t>;

const std::vector<int32_t> kElements = {6, 2, 3};
constexpr FlashGeometry kGeometry = {4, 64, 512};
constexpr uint32_t kSlot = kGeometry.size / 2;
constexpr uint32_t kUntouched = 999;  // as a version: what Load must leave alone

// A flash with these bytes at the beginning of its slots and noise elsewhere.
EmulatedFlash FlashWith(const Bytes& first, const Bytes& second, uint64_t seed = 1) {
  EmulatedFlash flash(kGeometry, false, seed);
  std::copy(first.begin(), first.end(), flash.bytes().begin());
  std::copy(second.begin(), second.end(), flash.bytes().begin() + kSlot);
  return flash;
}

Bytes SlotOf(EmulatedFlash& flash, uint32_t slot, size_t size) {
  const auto begin = flash.bytes().begin() + slot * kSlot;
  return Bytes(begin, begin + static_cast<std::ptrdiff_t>(size));
}

StoredModel ModelOf(uint32_t version, uint32_t fingerprint = 0x12345678) {
  StoredModel model(kElements, fingerprint);
  model.Become(version);
  return model;
}

Status SaveTo(EmulatedFlash& flash, StoredModel& model, int32_t buffer_size = 64) {
  StoreOn store(flash.storage(), buffer_size);
  return model.Save(store);
}

// What Load gives to a model that has other weights; checks that it changes nothing unless it succeeds.
Status LoadFrom(EmulatedFlash& flash, StoredModel* model, int32_t buffer_size = 64) {
  model->Become(kUntouched);
  StoreOn store(flash.storage(), buffer_size);
  const Status status = model->Load(store);
  CHECK((status == Status::kOk || model->Is(kUntouched)));
  CHECK(flash.misuse().empty());
  return status;
}

bool Holds(EmulatedFlash& flash, uint32_t version) {
  StoredModel model(kElements);
  return LoadFrom(flash, &model) == Status::kOk && model.Is(version);
}

}  // namespace

TEST_CASE("Init refuses what does not fit together") {
  EmulatedFlash flash(kGeometry, false, 1);
  Storage storage = flash.storage();
  uint8_t memory[256];
  Span<uint8_t> buffer(memory, 64);
  SUBCASE("no read") { storage.read = nullptr; }
  SUBCASE("no program") { storage.program = nullptr; }
  SUBCASE("no erase") { storage.erase = nullptr; }
  SUBCASE("no sync") { storage.sync = nullptr; }
  SUBCASE("program size 0") { storage.program_size = 0; }
  SUBCASE("erase size 0") { storage.erase_size = 0; }
  SUBCASE("size 0") { storage.size = 0; }
  SUBCASE("blocks of parts of units") {
    storage.program_size = 24;
    buffer.size = 72;
  }
  SUBCASE("a block that both slots share") { storage.size = 3 * kGeometry.erase_size; }
  SUBCASE("an odd size") {
    storage.program_size = storage.erase_size = 1;
    storage.size = 511;
  }
  SUBCASE("slots without room for a record") {
    storage.erase_size = 4;
    storage.size = 64;
  }
  SUBCASE("no buffer") { buffer.data = nullptr; }
  SUBCASE("a small buffer") {
    storage.program_size = 1;
    buffer.size = 63;
  }
  SUBCASE("a buffer of parts of units") { buffer.size = 66; }
  WeightStore store;
  CHECK(store.Init(storage, buffer) == Status::kBadStorage);
  StoredModel model = ModelOf(1);
  CHECK(model.Save(store) == Status::kNotInitialized);
  CHECK(model.Load(store) == Status::kNotInitialized);
  CHECK(model.Is(1));
  CHECK(flash.operations() == 0);
}

TEST_CASE("the bytes are those of the specification, whatever the sizes") {
  for (const uint32_t program_size : {1u, 2u, 4u, 8u, 16u, 32u, 64u, 256u}) {
    for (const int32_t wish : {64, 67, 68, 72, 96, 128, 255, 256, 512, 4096}) {
      const int32_t unit = static_cast<int32_t>(program_size);
      const int32_t buffer_size = (wish + unit - 1) / unit * unit;
      EmulatedFlash flash({program_size, 256, 2048}, false, 7);
      StoredModel model({33, 1, 0, 20, 5});
      for (uint32_t version = 1; version <= 3; ++version) {
        model.Become(version);
        REQUIRE(SaveTo(flash, model, buffer_size) == Status::kOk);
        Bytes expected = model.Record(version);
        expected.resize((expected.size() + program_size - 1) / program_size * program_size, 0xff);
        const Bytes& all = flash.bytes();
        const auto is_at = [&](size_t slot) { return std::equal(expected.begin(), expected.end(), &all[slot]); };
        CHECK((is_at(0) || is_at(1024)));
        REQUIRE(LoadFrom(flash, &model, buffer_size) == Status::kOk);
        CHECK(model.Is(version));
      }
    }
  }
}

TEST_CASE("a storage of the required size is enough, and one block less in a slot is not") {
  for (const FlashGeometry geometry : {FlashGeometry{1, 16, 0}, {4, 84, 0}, {4, 92, 0}, {8, 64, 0}, {16, 4096, 0}}) {
    Storage described;
    described.program_size = geometry.program_size;
    described.erase_size = geometry.erase_size;
    const uint32_t required = WeightStore::RequiredStorage(described, 3, 11);
    CHECK(required % (2 * geometry.erase_size) == 0);
    CHECK(required / 2 - geometry.erase_size < 36 + 4 * 3 + 4 * 11);
    EmulatedFlash enough({geometry.program_size, geometry.erase_size, required}, false, 1);
    StoredModel model = ModelOf(1);
    CHECK(SaveTo(enough, model) == Status::kOk);
    const uint32_t less = required - 2 * geometry.erase_size;
    if (less < 2 * 36) continue;
    EmulatedFlash small({geometry.program_size, geometry.erase_size, less}, false, 1);
    CHECK(SaveTo(small, model) == Status::kStorageTooSmall);
    CHECK(LoadFrom(small, &model) == Status::kStorageTooSmall);
    CHECK(small.operations() == 0);
  }
  Storage none;
  CHECK(WeightStore::RequiredStorage(none, 3, 11) == 0xffffffff);
  none.erase_size = 64;
  CHECK(WeightStore::RequiredStorage(none, 1, 0x3fffffff) == 0xffffffff);
  CHECK(WeightStore::RequiredStorage(none, 1, 0xffffffff) == 0xffffffff);
  CHECK(WeightStore::RequiredStorage(none, -1, 1) == 0xffffffff);
  none.erase_size = 0x80000000;
  CHECK(WeightStore::RequiredStorage(none, 1, 1) == 0xffffffff);
}

TEST_CASE("Save erases only the blocks that the record needs, alternately in the two slots") {
  EmulatedFlash flash({4, 64, 8 * 64}, false, 3);
  StoredModel model({1, 2});  // 56 bytes
  for (uint32_t version = 1; version <= 4; ++version) {
    const Bytes before = flash.bytes();
    const uint64_t erases = flash.erases();
    model.Become(version);
    REQUIRE(SaveTo(flash, model) == Status::kOk);
    CHECK(flash.erases() == erases + 1);
    int changed = 0;
    for (size_t block = 0; block < 8; ++block) {
      const bool is_same = std::equal(&before[64 * block], &before[64 * block] + 64, &flash.bytes()[64 * block]);
      changed += !is_same;
      CHECK((is_same || block % 4 == 0));
    }
    CHECK(changed == 1);
  }
}

TEST_CASE("every flipped bit is detected and leaves the older record") {
  StoredModel model = ModelOf(1);
  const Bytes older = model.Record(1);
  model.Become(2);
  const Bytes newer = model.Record(2);
  for (const uint32_t slot : {0u, 1u}) {
    EmulatedFlash flash = slot == 0 ? FlashWith(newer, older) : FlashWith(older, newer);
    EmulatedFlash alone = slot == 0 ? FlashWith(newer, {}) : FlashWith({}, newer);
    CHECK(Holds(flash, 2));
    CHECK(Holds(alone, 2));
    for (size_t bit = 0; bit < 8 * newer.size(); ++bit) {
      const auto mask = static_cast<uint8_t>(1 << bit % 8);
      const size_t byte = slot * kSlot + bit / 8;
      flash.bytes()[byte] ^= mask;
      alone.bytes()[byte] ^= mask;
      CHECK(Holds(flash, 1));
      CHECK(LoadFrom(alone, &model) == Status::kNoRecord);
      flash.bytes()[byte] ^= mask;
      alone.bytes()[byte] ^= mask;
    }
  }
}

TEST_CASE("Save over a damaged record spares the intact one") {
  for (const uint32_t intact : {0u, 1u}) {
    StoredModel model = ModelOf(1);
    const Bytes older = model.Record(6);
    model.Become(2);
    Bytes newer = model.Record(7);
    newer[40] ^= 4;
    EmulatedFlash flash = intact == 0 ? FlashWith(older, newer) : FlashWith(newer, older);
    model.Become(3);
    REQUIRE(SaveTo(flash, model) == Status::kOk);
    CHECK(SlotOf(flash, intact, older.size()) == older);
    CHECK(SlotOf(flash, 1 - intact, older.size()) == model.Record(7));
  }
}

TEST_CASE("sequence numbers wrap around") {
  const uint32_t pairs[][2] = {{1, 2}, {0xffffffff, 0}, {0x7fffffff, 0x80000000}, {0xfffffff0, 5}, {0, 0x7fffffff}};
  for (const auto& pair : pairs) {
    StoredModel model = ModelOf(1);
    const Bytes older = model.Record(pair[0]);
    model.Become(2);
    const Bytes newer = model.Record(pair[1]);
    for (const bool is_first : {false, true}) {
      EmulatedFlash flash = is_first ? FlashWith(newer, older) : FlashWith(older, newer);
      CHECK(Holds(flash, 2));
      model.Become(3);
      REQUIRE(SaveTo(flash, model) == Status::kOk);
      CHECK(SlotOf(flash, is_first ? 0 : 1, newer.size()) == newer);
      CHECK(SlotOf(flash, is_first ? 1 : 0, newer.size()) == model.Record(pair[1] + 1));
      CHECK(Holds(flash, 3));
    }
  }
}

TEST_CASE("records of other models and versions are refused, and spared as long as possible") {
  StoredModel model = ModelOf(1);
  std::vector<Bytes> foreign;
  foreign.push_back(ModelOf(5, 0x12345679).Record(8));
  for (const std::vector<int32_t>& elements : {std::vector<int32_t>{2, 6, 3}, {6, 2, 4}, {6, 5}, {6, 2, 3, 0}}) {
    StoredModel other(elements);
    other.Become(5);
    foreign.push_back(other.Record(8));
  }
  for (const uint16_t version : {1, 3, 4}) foreign.push_back(model.Record(8, version));
  // A later version with a header that looks the same, and a record with more data than its variables have.
  Bytes altered = model.Record(8);
  altered[4] = 3;
  altered.resize(altered.size() - 4);
  StoredModel::AppendCrc(&altered);
  foreign.push_back(altered);
  altered[4] = 2;
  altered[28] = static_cast<uint8_t>(altered[28] + 4);
  StoredModel::AppendCrc(&altered);
  foreign.push_back(altered);
  const Bytes own = model.Record(3);
  for (const Bytes& record : foreign) {
    for (const uint32_t slot : {0u, 1u}) {
      const auto both = [&](const Bytes& other) {
        return slot == 0 ? FlashWith(record, other) : FlashWith(other, record);
      };
      EmulatedFlash alone = both({});
      CHECK(LoadFrom(alone, &model) == Status::kOtherModel);
      EmulatedFlash beside = both(own);
      CHECK(Holds(beside, 1));
      // It is the newest of its kind: the other slot is written first.
      model.Become(2);
      REQUIRE(SaveTo(alone, model) == Status::kOk);
      CHECK(SlotOf(alone, slot, record.size()) == record);
      CHECK(Holds(alone, 2));
      model.Become(3);
      REQUIRE(SaveTo(alone, model) == Status::kOk);
      CHECK(SlotOf(alone, slot, own.size()) == model.Record(10));
      CHECK(Holds(alone, 3));
      REQUIRE(SaveTo(beside, model) == Status::kOk);
      CHECK(SlotOf(beside, 1 - slot, own.size()) == own);
      // Of two foreign records, the older one is overwritten.
      const Bytes older = ModelOf(4, 77).Record(7);
      EmulatedFlash two = both(older);
      CHECK(LoadFrom(two, &model) == Status::kOtherModel);
      REQUIRE(SaveTo(two, model) == Status::kOk);
      CHECK(SlotOf(two, slot, record.size()) == record);
      // A damaged record of another model is nothing.
      alone = both({});
      alone.bytes()[slot * kSlot + 50] ^= 1;
      CHECK(LoadFrom(alone, &model) == Status::kNoRecord);
    }
  }
}

TEST_CASE("headers of noise are no records and lead nowhere outside the storage") {
  SmallRandom random(11);
  StoredModel model = ModelOf(1);
  const Bytes record = model.Record(1);
  const uint32_t extremes[] = {0, 1, 4, 28, 32, 60, kSlot, 0x3fffffff, 0x40000000, 0x7fffffff, 0xfffffffc, 0xffffffff};
  for (uint64_t round = 0; round < 20000; ++round) {
    Bytes damaged = record;
    for (int i = 0; i < 3; ++i) {
      const uint32_t value = random.Below(2) == 0 ? extremes[random.Below(12)] : static_cast<uint32_t>(random.Next());
      const uint32_t field = 1 + random.Below(10);
      std::memcpy(&damaged[4 * field], &value, sizeof value);
    }
    if (damaged == record) continue;
    EmulatedFlash flash = FlashWith(damaged, damaged, round);
    REQUIRE(LoadFrom(flash, &model) == Status::kNoRecord);
  }
  for (int header_size = 0; header_size < 128; ++header_size) {
    Bytes empty(kSlot);
    std::copy_n(record.begin(), 6, empty.begin());
    empty[6] = static_cast<uint8_t>(header_size);
    EmulatedFlash flash = FlashWith(empty, empty);
    CHECK(LoadFrom(flash, &model) == Status::kNoRecord);
  }
  for (const uint8_t fill : {0x00, 0xff}) {
    EmulatedFlash flash(kGeometry, false, 1);
    std::fill(flash.bytes().begin(), flash.bytes().end(), fill);
    CHECK(LoadFrom(flash, &model) == Status::kNoRecord);
  }
}

TEST_CASE("a record needs room for its header, sizes, data and CRC") {
  CHECK(RecordBytes(32, 2, 12, 1000) == 32 + 8 + 12 + 4);
  CHECK(RecordBytes(32, 2, 12, 56) == 56);
  CHECK(RecordBytes(32, 2, 12, 55) == 0);
  CHECK(RecordBytes(32, 2, 0, 43) == 0);
  CHECK(RecordBytes(32, 0, 0, 35) == 0);
  for (const uint32_t limit : {0u, 3u}) CHECK(RecordBytes(0, 0, 0, limit) == 0);
  for (const uint32_t huge : {0x80000000u, 0xffffffffu}) {
    CHECK(RecordBytes(huge, 0, 0, 1000) == 0);
    CHECK(RecordBytes(32, huge, 0, 1000) == 0);
    CHECK(RecordBytes(32, 0, huge, 1000) == 0);
  }
}

TEST_CASE("states that cannot be saved") {
  EmulatedFlash flash(kGeometry, false, 1);
  StoreOn store(flash.storage(), 64);
  StoredModel model = ModelOf(1);
  TrainingState state = model.state();
  Status expected = Status::kBadArgument;
  SUBCASE("no function") { state.variable = nullptr; }
  SUBCASE("a negative count") { state.variable_count = -1; }
  SUBCASE("a variable without data") {
    state.variable = [](void*, int32_t) { return Span<float>(nullptr, 3); };
  }
  SUBCASE("a variable of negative size") {
    state.variable = [](void*, int32_t) { return Span<float>(nullptr, -1); };
  }
  SUBCASE("sizes whose sum overflows") {
    state.variable = [](void* context, int32_t) { return Span<float>(static_cast<float*>(context), 0x40000000); };
    expected = Status::kStorageTooSmall;
  }
  CHECK(store.Save(state) == expected);
  CHECK(store.Load(&state) == expected);
  CHECK(flash.operations() == 0);
}

TEST_CASE("a storage that needs no erasing") {
  Bytes memory(512, 0x5a);
  Storage storage;
  storage.context = memory.data();
  storage.read = [](void* context, uint32_t address, void* data, uint32_t size) {
    std::memcpy(data, static_cast<uint8_t*>(context) + address, size);
    return true;
  };
  storage.program = [](void* context, uint32_t address, const void* data, uint32_t size) {
    std::memcpy(static_cast<uint8_t*>(context) + address, data, size);
    return true;
  };
  storage.erase = [](void*, uint32_t) { return true; };
  storage.sync = [](void*) { return true; };
  storage.program_size = 1;
  storage.erase_size = 1;
  storage.size = 512;
  StoredModel model(kElements);
  for (uint32_t version = 1; version < 6; ++version) {
    model.Become(version);
    StoreOn store(storage, 64);
    REQUIRE(model.Save(store) == Status::kOk);
    model.Become(kUntouched);
    REQUIRE(model.Load(store) == Status::kOk);
    CHECK(model.Is(version));
  }
}

TEST_CASE("a record without variables asks for none") {
  EmulatedFlash flash(kGeometry, false, 1);
  StoreOn store(flash.storage(), 64);
  int asked = 0;
  TrainingState state;
  state.fingerprint = 7;
  state.step = 3;
  state.context = &asked;
  state.variable = [](void* context, int32_t) {
    ++*static_cast<int*>(context);
    return Span<float>();
  };
  REQUIRE(store.Save(state) == Status::kOk);
  state.step = 0;
  REQUIRE(store.Load(&state) == Status::kOk);
  CHECK(state.step == 3);
  CHECK(asked == 0);
}

}  // namespace tinyprop
