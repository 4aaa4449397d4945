// Functions of the storage that fail while there is power, and what the Trainer makes of it.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "cc/runtime/trainer.h"
#include "cc/runtime/weight_store.h"
#include "doctest/doctest.h"
#include "tests/cc/runtime/emulated_flash.h"
#include "tests/cc/runtime/scripted_graph.h"
#include "tests/cc/runtime/weight_store_model.h"

namespace tinyprop {
namespace {

using testing::EmulatedFlash;
using testing::FlashGeometry;
using testing::StoredModel;
using testing::StoreOn;

const std::vector<int32_t> kElements = {6, 2, 3};
constexpr FlashGeometry kGeometry = {4, 64, 512};
constexpr uint32_t kUntouched = 999;  // as a version: what Load must leave alone

enum Function { kRead, kProgram, kErase, kSync };
constexpr Function kFunctions[] = {kRead, kProgram, kErase, kSync};

// A flash of which one call of one function fails, before or after it has done its work.
class FaultyFlash {
 public:
  explicit FaultyFlash(const EmulatedFlash& flash) : flash(flash) {}
  FaultyFlash(const FaultyFlash&) = delete;

  void Fail(Function function, int call, bool is_done) {
    function_ = function;
    calls_ = 0;
    fail_at_ = call;
    is_done_ = is_done;
  }
  void Heal() { fail_at_ = -1; }
  bool has_failed() const { return fail_at_ >= 0 && calls_ > fail_at_; }

  Storage storage() {
    Storage storage = flash.storage();
    storage.context = this;
    storage.read = [](void* self, uint32_t address, void* data, uint32_t size) {
      return static_cast<FaultyFlash*>(self)->Do(kRead, [&](const Storage& s) {
        return s.read(s.context, address, data, size);
      });
    };
    storage.program = [](void* self, uint32_t address, const void* data, uint32_t size) {
      return static_cast<FaultyFlash*>(self)->Do(kProgram, [&](const Storage& s) {
        return s.program(s.context, address, data, size);
      });
    };
    storage.erase = [](void* self, uint32_t address) {
      return static_cast<FaultyFlash*>(self)->Do(kErase, [&](const Storage& s) { return s.erase(s.context, address); });
    };
    storage.sync = [](void* self) {
      return static_cast<FaultyFlash*>(self)->Do(kSync, [](const Storage& s) { return s.sync(s.context); });
    };
    return storage;
  }

  EmulatedFlash flash;

 private:
  template <typename Call>
  bool Do(Function function, Call call) {
    if (function != function_ || calls_++ != fail_at_) return call(flash.storage());
    if (is_done_) call(flash.storage());
    return false;
  }

  Function function_ = kRead;
  int calls_ = 0;
  int fail_at_ = -1;
  bool is_done_ = false;
};

StoredModel ModelOf(uint32_t version) {
  StoredModel model(kElements);
  model.Become(version);
  return model;
}

// Versions 1 to n, saved one after the other.
EmulatedFlash FlashAfter(uint32_t n, bool has_cache = false) {
  EmulatedFlash flash(kGeometry, has_cache, 5);
  for (uint32_t version = 1; version <= n; ++version) {
    StoredModel model = ModelOf(version);
    StoreOn store(flash.storage(), 64);
    REQUIRE(model.Save(store) == Status::kOk);
  }
  return flash;
}

// The version that a flash holds, of those up to 9; 0 if there is none.
uint32_t VersionIn(EmulatedFlash& flash) {
  StoredModel model = ModelOf(kUntouched);
  StoreOn store(flash.storage(), 64);
  if (model.Load(store) != Status::kOk) return 0;
  for (uint32_t version = 1; version < 10; ++version) {
    if (model.Is(version)) return version;
  }
  return kUntouched;
}

}  // namespace

TEST_CASE("a call that fails while saving leaves the newest record or the new one") {
  for (const bool has_cache : {false, true}) {
    for (const Function function : kFunctions) {
      for (const bool is_done : {false, true}) {
        int call = 0;
        while (true) {
          FaultyFlash faulty(FlashAfter(3, has_cache));
          faulty.Fail(function, call, is_done);
          StoreOn store(faulty.storage(), 64);
          StoredModel model = ModelOf(4);
          const Status status = model.Save(store);
          if (!faulty.has_failed()) {
            CHECK(status == Status::kOk);
            break;
          }
          CHECK(status == Status::kStorageFailed);
          CHECK(model.Is(4));
          const uint32_t version = VersionIn(faulty.flash);
          CHECK((version == 3 || version == 4));
          faulty.Heal();
          model.Become(5);
          CHECK(model.Save(store) == Status::kOk);
          CHECK(VersionIn(faulty.flash) == 5);
          CHECK(faulty.flash.misuse().empty());
          ++call;
        }
        CHECK(call > 0);
      }
    }
  }
}

TEST_CASE("a record that was not synced is made durable before the other one is erased") {
  int survived[2] = {};  // of records that the failed Save had written, as a Load then saw
  for (uint64_t seed = 0; seed < 300; ++seed) {
    for (uint64_t cut = 0;; ++cut) {
      FaultyFlash faulty(FlashAfter(3, true));
      StoreOn store(faulty.storage(), 64);
      StoredModel model = ModelOf(4);
      faulty.flash.Reseed(seed);
      faulty.Fail(kSync, 2, false);  // the one after programming
      REQUIRE(model.Save(store) == Status::kStorageFailed);
      REQUIRE(VersionIn(faulty.flash) == 4);
      faulty.flash.CutAfter(cut);
      model.Become(5);
      if (model.Save(store) == Status::kOk) break;
      faulty.flash.Reboot();
      const uint32_t version = VersionIn(faulty.flash);
      REQUIRE(version >= 3);
      REQUIRE(version <= 5);
      ++survived[version == 3 ? 0 : 1];
    }
  }
  // Both occur, or the cache of the emulation does nothing.
  CHECK(survived[0] > 0);
  CHECK(survived[1] > 0);
}

TEST_CASE("a read that fails while loading") {
  int untouched = 0, interrupted = 0;
  for (int call = 0;; ++call) {
    FaultyFlash faulty(FlashAfter(3));
    const uint64_t operations = faulty.flash.operations();
    faulty.Fail(kRead, call, true);
    StoreOn store(faulty.storage(), 64);
    StoredModel model = ModelOf(kUntouched);
    const Status status = model.Load(store);
    CHECK(faulty.flash.operations() == operations);
    if (!faulty.has_failed()) {
      CHECK(status == Status::kOk);
      break;
    }
    REQUIRE((status == Status::kStorageFailed || status == Status::kLoadInterrupted));
    ++(status == Status::kStorageFailed ? untouched : interrupted);
    // The read that fails has filled what it was given: the first variable, if the status says so.
    CHECK(model.Is(kUntouched) == (status == Status::kStorageFailed));
    CHECK(model.state().step == ModelOf(kUntouched).state().step);
    faulty.Heal();
    CHECK(model.Load(store) == Status::kOk);
    CHECK(model.Is(3));
  }
  CHECK(untouched > 0);
  CHECK(interrupted >= 3);
}

TEST_CASE("a record that changes between checking and reading interrupts the load") {
  struct Context {
    EmulatedFlash flash = FlashAfter(3);
    int reads = 0;
    int flip_at = 0;
  };
  int interrupted = 0, reads = 1;
  for (int flip_at = 0; flip_at < reads; ++flip_at) {
    Context context;
    context.flip_at = flip_at;
    Storage storage = context.flash.storage();
    storage.context = &context;
    storage.read = [](void* self, uint32_t address, void* data, uint32_t size) {
      auto* const context = static_cast<Context*>(self);
      const Storage inner = context->flash.storage();
      const bool is_done = inner.read(inner.context, address, data, size);
      if (context->reads++ == context->flip_at) static_cast<uint8_t*>(data)[size / 2] ^= 0x20;
      return is_done;
    };
    StoreOn store(storage, 64);
    StoredModel model = ModelOf(kUntouched);
    const Status status = model.Load(store);
    reads = std::max(reads, context.reads);
    // What is read wrong while checking makes a record look damaged, or its header that of another model.
    if (status == Status::kOk) CHECK((model.Is(3) || model.Is(2)));
    if (status == Status::kLoadInterrupted) ++interrupted;
    if (status != Status::kOk && status != Status::kLoadInterrupted) CHECK(model.Is(kUntouched));
  }
  CHECK(interrupted >= 3);
}

TEST_CASE("a bit that cannot be programmed fails the verification") {
  EmulatedFlash flash = FlashAfter(3);
  Storage inner = flash.storage();
  Storage storage = inner;
  storage.context = &inner;
  storage.read = [](void* self, uint32_t address, void* data, uint32_t size) {
    const auto& flash = *static_cast<const Storage*>(self);
    return flash.read(flash.context, address, data, size);
  };
  storage.erase = [](void* self, uint32_t address) {
    const auto& flash = *static_cast<const Storage*>(self);
    return flash.erase(flash.context, address);
  };
  storage.sync = [](void*) { return true; };
  storage.program = [](void* self, uint32_t address, const void* data, uint32_t size) {
    const auto& flash = *static_cast<const Storage*>(self);
    std::vector<uint8_t> worn(static_cast<const uint8_t*>(data), static_cast<const uint8_t*>(data) + size);
    worn[size / 2] ^= 1;
    return flash.program(flash.context, address, worn.data(), size);
  };
  StoredModel model = ModelOf(4);
  StoreOn worn(storage, 64);
  CHECK(model.Save(worn) == Status::kVerifyFailed);
  CHECK(VersionIn(flash) == 3);
  CHECK(model.Save(worn) == Status::kVerifyFailed);  // the same slot again
  CHECK(VersionIn(flash) == 3);
  StoreOn healed(inner, 64);
  CHECK(model.Save(healed) == Status::kOk);
  CHECK(VersionIn(flash) == 4);
}

TEST_CASE("a storage that writes nothing fails the verification") {
  EmulatedFlash flash = FlashAfter(3);
  const std::vector<uint8_t> before = flash.bytes();
  Storage storage = flash.storage();
  storage.erase = [](void*, uint32_t) { return true; };
  storage.program = [](void*, uint32_t, const void*, uint32_t) { return true; };
  StoredModel model = ModelOf(4);
  StoreOn store(storage, 64);
  CHECK(model.Save(store) == Status::kVerifyFailed);
  CHECK(flash.bytes() == before);
  CHECK(VersionIn(flash) == 3);
}

TEST_CASE("a trainer goes on from where it saved") {
  EmulatedFlash flash(kGeometry, false, 1);
  StoreOn store(flash.storage(), 64);
  const auto schedule = LearningRateSchedule::WarmupCosine(0.4f, 4, 20);
  ScriptedGraph graph, other;
  Trainer trainer, second;
  REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
  REQUIRE(second.Init(other.graph(), other.metadata()) == Status::kOk);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  for (int i = 0; i < 5; ++i) REQUIRE(trainer.Step(0) == Status::kOk);
  REQUIRE(trainer.SetSchedule(schedule) == Status::kOk);
  for (int i = 0; i < 7; ++i) REQUIRE(trainer.Step(0) == Status::kOk);
  graph.variables[0] = {1, 2, 3, 4, 5, 6};
  graph.variables[1] = {-1, -2, -3, -4, -5, -6, -7, -8};
  graph.variables[2] = {0.5f, 0.25f, 0.125f};
  REQUIRE(trainer.Save(&store.store) == Status::kOk);

  REQUIRE(second.Load(&store.store) == Status::kOk);
  for (int v = 0; v < ScriptedGraph::kVariables; ++v) CHECK(other.variables[v] == graph.variables[v]);
  CHECK(second.step() == 12);
  REQUIRE(second.ResumeSchedule(schedule) == Status::kOk);
  CHECK(second.learning_rate() == trainer.learning_rate());
  CHECK(second.learning_rate() == schedule.RateAt(7));
}

TEST_CASE("a trainer is reset by a load that is interrupted, and by nothing else") {
  int resets = 0, failures = 0;
  for (int call = 0;; ++call) {
    FaultyFlash faulty(EmulatedFlash(kGeometry, false, 1));
    StoreOn store(faulty.storage(), 64);
    ScriptedGraph graph;
    Trainer trainer;
    REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
    CHECK(trainer.Load(&store.store) == Status::kNoRecord);
    CHECK(graph.resets == 1);  // of Init
    REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
    REQUIRE(trainer.Step(0) == Status::kOk);
    REQUIRE(trainer.Save(&store.store) == Status::kOk);
    REQUIRE(trainer.Step(0) == Status::kOk);
    graph.variables[0][3] = 77;
    faulty.Fail(kRead, call, false);
    const Status status = trainer.Load(&store.store);
    if (!faulty.has_failed()) {
      CHECK(status == Status::kOk);
      CHECK(trainer.step() == 1);
      break;
    }
    const bool is_interrupted = status == Status::kLoadInterrupted;
    CHECK((is_interrupted || status == Status::kStorageFailed));
    CHECK(graph.resets == (is_interrupted ? 2 : 1));
    CHECK(trainer.step() == (is_interrupted ? 0 : 2));
    if (!is_interrupted) CHECK(graph.variables[0][3] == 77);
    ++(is_interrupted ? resets : failures);
  }
  CHECK(resets > 0);
  CHECK(failures > 0);
}

TEST_CASE("a trainer refuses the weights of another model") {
  EmulatedFlash flash(kGeometry, false, 1);
  StoreOn store(flash.storage(), 64);
  ScriptedGraph graph, other(1, LossKind::kMeanSquaredError);  // the same sizes
  Trainer trainer, stranger;
  REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
  REQUIRE(stranger.Init(other.graph(), other.metadata()) == Status::kOk);
  graph.variables[0][0] = 5;
  REQUIRE(trainer.Save(&store.store) == Status::kOk);
  CHECK(stranger.Load(&store.store) == Status::kOtherModel);
  CHECK(other.variables[0][0] == 1);
  CHECK(other.resets == 1);  // of Init
}

TEST_CASE("counters stop at their last number, and a finished schedule stays finished") {
  EmulatedFlash flash(kGeometry, false, 1);
  StoreOn store(flash.storage(), 64);
  ScriptedGraph graph;
  Trainer trainer;
  REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
  TrainingState state;
  state.fingerprint = trainer.metadata().fingerprint();
  state.step = state.schedule_step = 0xffffffffu - 1;
  state.variable_count = ScriptedGraph::kVariables;
  state.context = &trainer;
  state.variable = [](void* self, int32_t index) { return static_cast<Trainer*>(self)->Variable(index); };
  REQUIRE(store.Save(state) == Status::kOk);
  REQUIRE(trainer.Load(&store.store) == Status::kOk);
  REQUIRE(trainer.ResumeSchedule(LearningRateSchedule::WarmupCosine(0.5f, 0, 100, 0.01f)) == Status::kOk);
  for (int i = 0; i < 3; ++i) {
    CHECK(trainer.learning_rate() == 0.01f);
    REQUIRE(trainer.Step(0) == Status::kOk);
    CHECK(trainer.step() == 0xffffffffu);
    CHECK(trainer.schedule_step() == 0xffffffffu);
  }
}

// A trainer with weights of step 1 in the storage, of which one then becomes NaN.
TEST_CASE("weights that are not finite are neither saved nor loaded") {
  EmulatedFlash flash(kGeometry, false, 1);
  StoreOn store(flash.storage(), 64);
  ScriptedGraph graph;
  Trainer trainer;
  REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  REQUIRE(trainer.Step(0) == Status::kOk);
  graph.variables[0][2] = 5;
  REQUIRE(trainer.Save(&store.store) == Status::kOk);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const int v : {0, 1}) {
      const uint64_t operations = flash.operations();
      graph.variables[v].back() = bad;
      CHECK(trainer.Save(&store.store) == Status::kWeightsNonFinite);
      CHECK(trainer.SaveBegin(&store.store) == Status::kWeightsNonFinite);
      CHECK(trainer.SaveStep(&store.store) == Status::kSaveInterrupted);
      CHECK(flash.operations() == operations);
      CHECK(trainer.Load(&store.store) == Status::kOk);
      CHECK(graph.variables[0][2] == 5);
    }
  }
  // A running maximum may be anything.
  graph.variables[2][0] = std::numeric_limits<float>::infinity();
  CHECK(trainer.Save(&store.store) == Status::kOk);
  CHECK(trainer.Load(&store.store) == Status::kOk);

  // A record that something else has written.
  graph.variables[1][0] = std::numeric_limits<float>::quiet_NaN();
  TrainingState state;
  state.fingerprint = trainer.metadata().fingerprint();
  state.step = 9;
  state.variable_count = ScriptedGraph::kVariables;
  state.context = &trainer;
  state.variable = [](void* self, int32_t index) { return static_cast<Trainer*>(self)->Variable(index); };
  REQUIRE(store.Save(state) == Status::kOk);
  graph.variables[1][0] = 3;
  const int resets = graph.resets;
  CHECK(trainer.Load(&store.store) == Status::kWeightsNonFinite);
  CHECK(graph.resets == resets + 1);
  CHECK(graph.variables[0][2] == 1);
  CHECK(graph.variables[1][0] == 2);
  CHECK(trainer.step() == 0);
  graph.can_reset = false;
  CHECK(trainer.Load(&store.store) == Status::kInvokeFailed);
}

TEST_CASE("a save in pieces goes on over predictions and ends where the weights change") {
  EmulatedFlash flash(kGeometry, false, 1);
  StoreOn store(flash.storage(), 64);
  ScriptedGraph graph;
  Trainer trainer;
  CHECK(trainer.SaveBegin(&store.store) == Status::kNotInitialized);
  CHECK(trainer.SaveStep(&store.store) == Status::kNotInitialized);
  REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
  CHECK(trainer.SaveStep(&store.store) == Status::kSaveInterrupted);  // none has begun
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  REQUIRE(trainer.Step(0) == Status::kOk);
  graph.variables[0][2] = 5;
  REQUIRE(trainer.SaveBegin(&store.store) == Status::kOk);
  Status status = Status::kSaving;
  int steps = 0;
  for (; status == Status::kSaving; ++steps) {
    REQUIRE(trainer.Predict() == Status::kOk);
    status = trainer.SaveStep(&store.store);
  }
  CHECK(status == Status::kOk);
  CHECK(steps > 6);
  CHECK(trainer.SaveStep(&store.store) == Status::kBadArgument);  // it is done

  const auto is_interrupted_by = [&](auto change) {
    REQUIRE(trainer.SaveBegin(&store.store) == Status::kOk);
    for (int i = 0; i < steps - 1; ++i) REQUIRE(trainer.SaveStep(&store.store) == Status::kSaving);
    change();
    return trainer.SaveStep(&store.store) == Status::kSaveInterrupted;
  };
  CHECK(is_interrupted_by([&] { REQUIRE(trainer.Step(1) == Status::kOk); }));
  CHECK(is_interrupted_by([&] { REQUIRE(trainer.Reset() == Status::kOk); }));
  CHECK(is_interrupted_by([&] { REQUIRE(trainer.Load(&store.store) == Status::kOk); }));
  CHECK(graph.variables[0][2] == 5);
  REQUIRE(trainer.SetLearningRate(0.0f) == Status::kOk);
  CHECK_FALSE(is_interrupted_by([&] { REQUIRE(trainer.Step(1) == Status::kOk); }));  // an inference
}

}  // namespace tinyprop
