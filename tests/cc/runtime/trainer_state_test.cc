// State that a model's own ops keep between samples, and when the Trainer has it reset.
#include <vector>

#include "cc/runtime/trainer.h"
#include "doctest/doctest.h"
#include "tests/cc/runtime/scripted_graph.h"

namespace tinyprop {
namespace {

constexpr uint32_t kLatest = wire::MetadataHeader::kLatestVersion;

}  // namespace

TEST_CASE("state that is kept begins anew where a stream does, and nowhere else") {
  ScriptedGraph graph(1, LossKind::kSparseCategoricalCrossentropy, kLatest, /*keeps_state=*/true);
  Trainer trainer;
  REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
  CHECK(trainer.Predict() == Status::kOk);
  CHECK(trainer.Step(1) == Status::kOk);
  CHECK(trainer.Predict() == Status::kOk);
  // The sample of zeros that brings the weights in belongs to no stream.
  CHECK(graph.state_resets == std::vector<int>{1, 1, 0, 0});
  graph.state_resets.clear();
  CHECK(trainer.ResetState() == Status::kOk);
  CHECK(graph.state_resets.empty());
  CHECK(trainer.step() == 0);
  CHECK(trainer.SetLearningRate(0.5f) == Status::kOk);
  for (int i = 0; i < 2; ++i) CHECK(trainer.Step(1) == Status::kOk);
  CHECK(trainer.step() == 2);
  CHECK(graph.state_resets == std::vector<int>{1, 0});
  graph.state_resets.clear();
  CHECK(trainer.Reset() == Status::kOk);
  for (int i = 0; i < 2; ++i) CHECK(trainer.Predict() == Status::kOk);
  CHECK(graph.state_resets == std::vector<int>{1, 1, 0});
}

TEST_CASE("a stream that could not begin begins with the next invoke") {
  ScriptedGraph graph(1, LossKind::kSparseCategoricalCrossentropy, kLatest, true);
  Trainer trainer;
  REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
  graph.on_invoke = [] { return false; };
  CHECK(trainer.Predict() == Status::kInvokeFailed);
  graph.on_invoke = [] { return true; };
  for (int i = 0; i < 2; ++i) CHECK(trainer.Predict() == Status::kOk);
  CHECK(graph.state_resets == std::vector<int>{1, 1, 1, 0});
}

TEST_CASE("a model that keeps state takes whole batches: every slot is a stream") {
  ScriptedGraph graph(2, LossKind::kSparseCategoricalCrossentropy, kLatest, true);
  Trainer trainer;
  REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
  const int32_t labels[] = {1, 2};
  CHECK(trainer.Step(Span<const int32_t>(labels, 1)) == Status::kBadArgument);
  CHECK(trainer.Step(Span<const int32_t>(labels, 2)) == Status::kOk);
}

TEST_CASE("a model that keeps state has the input that resets it") {
  ScriptedGraph graph(1, LossKind::kSparseCategoricalCrossentropy, kLatest, true);
  Trainer trainer;
  SUBCASE("none") { graph.inputs.pop_back(); }
  SUBCASE("of more bytes") { graph.inputs.back().bytes = 4; }
  SUBCASE("without data") { graph.inputs.back() = {}; }
  CHECK(trainer.Init(graph.graph(), graph.metadata()) == Status::kGraphMismatch);
}

TEST_CASE("a model that keeps no state begins anew anyhow") {
  ScriptedGraph graph;
  Trainer trainer;
  REQUIRE(trainer.Init(graph.graph(), graph.metadata()) == Status::kOk);
  CHECK(trainer.ResetState() == Status::kOk);
  CHECK(trainer.Predict() == Status::kOk);
  CHECK(graph.rates.size() == 2);
}

}  // namespace tinyprop
