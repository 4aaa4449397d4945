#include "cc/runtime/trainer.h"

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "doctest/doctest.h"
#include "tests/cc/runtime/scripted_graph.h"

namespace tinyprop {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

void Start(ScriptedGraph& graph, Trainer* trainer) {
  REQUIRE(trainer->Init(graph.graph(), graph.metadata()) == Status::kOk);
}

}  // namespace

TEST_CASE("Init brings the exported weights in with one inference") {
  ScriptedGraph graph;
  graph.x = {kNan, 1, 2};
  graph.classes = {77};
  Trainer trainer;
  Start(graph, &trainer);
  CHECK(graph.rates == std::vector<float>{0.0f});
  CHECK(graph.x == std::vector<float>{0, 0, 0});
  CHECK(trainer.batch_size() == 1);
  CHECK(trainer.config().zeta == 0.8f);
  CHECK(trainer.metadata().Layer(2).gradients == 4);
  CHECK(trainer.Variable(1).size == 8);
  CHECK(trainer.Variable(3).empty());
  CHECK(trainer.step() == 0);
}

TEST_CASE("Init puts the exported weights in whatever the interpreter has done before") {
  ScriptedGraph graph;
  Trainer first, second;
  Start(graph, &first);
  CHECK(graph.resets == 1);
  REQUIRE(first.SetLearningRate(0.1f) == Status::kOk);
  REQUIRE(first.Step(0) == Status::kOk);
  first.Variable(0)[0] = 42;
  first.Variable(2)[1] = 7;
  Start(graph, &second);
  CHECK(second.Variable(0)[0] == 1);
  CHECK(second.Variable(2)[1] == 0);
  CHECK(second.step() == 0);
  // The same trainer again.
  second.Variable(0)[0] = 42;
  Start(graph, &second);
  CHECK(second.Variable(0)[0] == 1);
}

// What does not compile.
template <typename Label, typename = void>
constexpr bool kIsLabel = false;
template <typename Label>
constexpr bool kIsLabel<Label, decltype(void(std::declval<Trainer&>().Step(std::declval<Label>())))> = true;
static_assert(kIsLabel<int32_t> && kIsLabel<int8_t> && kIsLabel<size_t> && kIsLabel<Span<const float>>, "labels and targets");
static_assert(!kIsLabel<float> && !kIsLabel<double> && !kIsLabel<bool>, "2.9f is no class");
static_assert(!std::is_copy_constructible<Trainer>::value && !std::is_copy_assignable<Trainer>::value, "one a graph");
static_assert(!std::is_move_constructible<Trainer>::value && !std::is_move_assignable<Trainer>::value, "one a graph");
static_assert(std::is_same<decltype(std::declval<const Trainer&>().Variable(0)), Span<const float>>::value, "only to read");

TEST_CASE("Init refuses what does not fit together") {
  ScriptedGraph graph(2);
  Status expected = Status::kGraphMismatch;
  TrainingGraph given = graph.graph();
  SUBCASE("no entry") {
    graph.entry.clear();
    expected = Status::kNotTrainable;
  }
  SUBCASE("a later version") {
    graph.entry[4] = wire::MetadataHeader::kLatestVersion + 1;
    expected = Status::kMetadataNewer;
  }
  SUBCASE("damage") {
    graph.entry[12] ^= 1;
    expected = Status::kMetadataDamaged;
  }
  SUBCASE("an interpreter that fails") {
    graph.on_invoke = [] { return false; };
    expected = Status::kInvokeFailed;
  }
  SUBCASE("an interpreter that cannot be reset") {
    graph.can_reset = false;
    expected = Status::kInvokeFailed;
  }
  SUBCASE("a graph that lacks invoke") { given.invoke = nullptr; }
  SUBCASE("a graph that lacks reset") { given.reset = nullptr; }
  SUBCASE("a graph that lacks its inputs") { given.input = nullptr; }
  SUBCASE("a graph that lacks its outputs") { given.output = nullptr; }
  SUBCASE("number of inputs") { --given.inputs; }
  SUBCASE("number of outputs") { ++given.outputs; }
  SUBCASE("size of control") { graph.inputs[2].bytes -= 4; }
  SUBCASE("type of the label") { graph.inputs[1].type = ElementType::kFloat32; }
  SUBCASE("size of the label") { graph.inputs[1].bytes += 4; }
  SUBCASE("model input missing") { graph.inputs[0].data = nullptr; }
  SUBCASE("size of a model input that the batch does not divide") { graph.inputs[0].bytes -= 1; }
  SUBCASE("size of the loss") { graph.outputs[1].bytes += 4; }
  SUBCASE("size of the statistics") { graph.outputs[2].bytes -= 16; }
  SUBCASE("size of a variable") { graph.outputs[4].bytes -= 4; }
  SUBCASE("type of a variable") { graph.outputs[3].type = ElementType::kInt8; }
  SUBCASE("output that is not float32") { graph.outputs[0].type = ElementType::kInt8; }
  Trainer trainer;
  CHECK(trainer.Init(given, graph.metadata()) == expected);
  CHECK(trainer.Step(1) == Status::kNotInitialized);
}

TEST_CASE("Init refuses targets that the batch does not divide") {
  ScriptedGraph graph(2, LossKind::kMeanSquaredError);
  graph.inputs[1].bytes -= 4;
  Trainer trainer;
  CHECK(trainer.Init(graph.graph(), graph.metadata()) == Status::kGraphMismatch);
}

TEST_CASE("without Init every call says so") {
  Trainer trainer;
  WeightStore store;
  CHECK(trainer.Step(0) == Status::kNotInitialized);
  CHECK(trainer.Step(Span<const float>()) == Status::kNotInitialized);
  CHECK(trainer.Predict() == Status::kNotInitialized);
  CHECK(trainer.ResetState() == Status::kNotInitialized);
  CHECK(trainer.SetLearningRate(0.1f) == Status::kNotInitialized);
  CHECK(trainer.SetConfig({}) == Status::kNotInitialized);
  CHECK(trainer.Reset() == Status::kNotInitialized);
  CHECK(trainer.Save(&store) == Status::kNotInitialized);
  CHECK(trainer.Load(&store) == Status::kNotInitialized);
  CHECK(trainer.Input().data == nullptr);
  CHECK(trainer.Output().data == nullptr);
  CHECK(trainer.PredictedClass() == -1);
  CHECK(trainer.Variable(0).empty());
  CHECK(trainer.Layer(1).gradients == 0);
}

TEST_CASE("Step hands over label, rate and settings and returns what happened") {
  ScriptedGraph graph;
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.25f) == Status::kOk);
  graph.on_invoke = [&] {
    graph.Report(0, SampleStatus::kTrained, 1.5f, 0.7f, 4.0f, 9.0f);
    Statistics{graph.statistics.data(), 1}.layer(2, 0).gradients_kept = 3.0f;
    return true;
  };
  SampleResult result;
  REQUIRE(trainer.Step(3, &result) == Status::kOk);
  CHECK(graph.classes[0] == 3);
  CHECK(graph.control == std::vector<float>{0.25f, 0.5f, 1.0f, 0.8f, 0.0f, 2.0f, 0.5f, 1.0f});
  CHECK(result.status == SampleStatus::kTrained);
  CHECK_FALSE(result.skipped());
  CHECK(result.loss == 0.7f);
  CHECK(result.decision == 1.5f);
  CHECK(result.backward_effort == doctest::Approx(13.0 / 26));
  CHECK(result.step_effort == doctest::Approx(113.0 / 126));
  CHECK(trainer.Layer(2).kept == 3);
  CHECK(trainer.Layer(2).gradients == 4);
  CHECK(trainer.Layer(3).gradients == 0);
  CHECK(trainer.step() == 1);
  CHECK(trainer.Step(0) == Status::kOk);  // without a result
}

TEST_CASE("a label that the model does not have does nothing") {
  ScriptedGraph graph(2);
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  const size_t invokes = graph.rates.size();
  for (const int32_t label : {-1, 4, 1 << 30}) CHECK(trainer.Step(label) == Status::kBadLabel);
  const int32_t second_is_wrong[] = {0, 4};
  CHECK(trainer.Step(Span<const int32_t>(second_is_wrong, 2)) == Status::kBadLabel);
  const float targets[8] = {};
  CHECK(trainer.Step(Span<const float>(targets, 8)) == Status::kBadLabel);
  const int32_t labels[3] = {};
  SampleResult result;
  CHECK(trainer.Step(Span<const int32_t>(labels, 0)) == Status::kBadArgument);
  CHECK(trainer.Step(Span<const int32_t>(labels, 3)) == Status::kBadArgument);
  CHECK(trainer.Step(Span<const int32_t>(labels, 2), {&result, 1}) == Status::kBadArgument);
  CHECK(graph.rates.size() == invokes);
  CHECK(trainer.step() == 0);
  CHECK(trainer.statistics().samples == 0);
}

TEST_CASE("targets are copied as they are, and have to be finite") {
  ScriptedGraph graph(2, LossKind::kMeanSquaredError);
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  CHECK(trainer.label_elements() == 4);
  const float both[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  REQUIRE(trainer.Step(Span<const float>(both, 8)) == Status::kOk);
  CHECK(graph.targets == std::vector<float>(both, both + 8));
  REQUIRE(trainer.Step(Span<const float>(both, 4)) == Status::kOk);
  CHECK(graph.targets[3] == 4.0f);
  for (int i = 4; i < 8; ++i) CHECK(std::isnan(graph.targets[static_cast<size_t>(i)]));

  float wrong[4] = {1, 2, 3, kNan};
  CHECK(trainer.Step(Span<const float>(wrong, 4)) == Status::kBadLabel);
  CHECK(trainer.Step(Span<const float>(both, 3)) == Status::kBadLabel);
  CHECK(trainer.Step(1) == Status::kBadLabel);
  CHECK(trainer.step() == 2);
}

TEST_CASE("a smaller batch is a step of that size") {
  ScriptedGraph graph(4);
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.3f) == Status::kOk);
  graph.on_invoke = [&] {
    for (int32_t b = 0; b < 4; ++b) graph.Report(b, SampleStatus::kTrained, 1, static_cast<float>(b), 1, 1);
    return true;
  };
  const int32_t labels[] = {3, 2, 1};
  SampleResult results[3];
  REQUIRE(trainer.Step(Span<const int32_t>(labels, 3), {results, 3}) == Status::kOk);
  CHECK(graph.classes == std::vector<int32_t>{3, 2, 1, -1});
  CHECK(graph.rates.back() == doctest::Approx(0.4));
  CHECK(results[2].loss == 2.0f);
  CHECK(trainer.statistics().samples == 3);
  CHECK(trainer.statistics().loss == doctest::Approx(1.0));
  CHECK(trainer.Input(3).data == &graph.x[9]);
  CHECK(trainer.Input(3).floats().size == 3);
  CHECK(trainer.Input(4).data == nullptr);
  CHECK(trainer.Input(0, 1).data == nullptr);
}

TEST_CASE("SetInput takes values of the input's type and number") {
  ScriptedGraph graph(2);
  Trainer trainer;
  const float values[] = {1, 2, 3, 4};
  CHECK(trainer.SetInput(values, 3) == Status::kNotInitialized);
  Start(graph, &trainer);
  REQUIRE(trainer.SetInput(values, 3, 1) == Status::kOk);
  CHECK(graph.x == std::vector<float>{0, 0, 0, 1, 2, 3});
  const float* const none = nullptr;
  const int8_t bytes[12] = {};
  const int32_t ints[3] = {};
  CHECK(trainer.SetInput(values, 2) == Status::kBadArgument);
  CHECK(trainer.SetInput(values, 4) == Status::kBadArgument);
  CHECK(trainer.SetInput(values, -3) == Status::kBadArgument);
  CHECK(trainer.SetInput(values, 1 << 30 | 3) == Status::kBadArgument);  // 4 times that is 12 in 32 bits
  CHECK(trainer.SetInput(values, 3, 2) == Status::kBadArgument);
  CHECK(trainer.SetInput(values, 3, -1) == Status::kBadArgument);
  CHECK(trainer.SetInput(values, 3, 0, 1) == Status::kBadArgument);
  CHECK(trainer.SetInput(none, 3) == Status::kBadArgument);
  CHECK(trainer.SetInput(bytes, 12) == Status::kBadArgument);
  CHECK(trainer.SetInput(ints, 3) == Status::kBadArgument);
  CHECK(graph.x == std::vector<float>{0, 0, 0, 1, 2, 3});
  graph.inputs[0].type = ElementType::kInt8;
  CHECK(trainer.SetInput(values, 3) == Status::kBadArgument);
  CHECK(trainer.SetInput(bytes, 12) == Status::kOk);
}

TEST_CASE("a batch of which a part was trained is a step with counts") {
  ScriptedGraph graph(2);
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  graph.on_invoke = [&] {
    graph.Report(0, SampleStatus::kNonFinite, 0, kNan, 0, 0);
    graph.Report(1, SampleStatus::kSkipped, 0.1f, 2.0f, 0, 0);
    return true;
  };
  const int32_t labels[] = {0, 1};
  SampleResult results[2];
  CHECK(trainer.Step(Span<const int32_t>(labels, 2), {results, 2}) == Status::kOk);
  CHECK(results[0].status == SampleStatus::kNonFinite);
  CHECK(results[1].skipped());
  CHECK(trainer.last_step().trained == 0);
  CHECK(trainer.last_step().skipped == 1);
  CHECK(trainer.last_step().non_finite == 1);
  const TrainingStatistics& sums = trainer.statistics();
  CHECK(sums.non_finite == 1);
  CHECK(sums.skipped == 1);
  CHECK(sums.loss == 2.0f);
  CHECK(sums.skip_rate() == 0.5f);

  graph.on_invoke = [&] {
    for (int32_t b = 0; b < 2; ++b) graph.Report(b, SampleStatus::kNonFinite, 0, kNan, 0, 0);
    return true;
  };
  CHECK(trainer.Step(Span<const int32_t>(labels, 2), {results, 2}) == Status::kNonFinite);
  CHECK(trainer.last_step().non_finite == 2);
  CHECK(trainer.Step(2) == Status::kNonFinite);  // of one sample, all are refused
  CHECK(trainer.Step(4) == Status::kBadLabel);
  CHECK(trainer.last_step().non_finite == 1);
}

TEST_CASE("an interpreter that fails is not a step") {
  ScriptedGraph graph;
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  graph.on_invoke = [] { return false; };
  CHECK(trainer.Step(1) == Status::kInvokeFailed);
  CHECK(trainer.Predict() == Status::kInvokeFailed);
  CHECK(trainer.step() == 0);
  CHECK(trainer.statistics().steps == 0);
}

TEST_CASE("statistics add up and are ratios of sums") {
  ScriptedGraph graph;
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  CHECK(trainer.statistics().backward_effort() == 0.0f);
  const SampleStatus statuses[] = {SampleStatus::kTrained, SampleStatus::kSkipped, SampleStatus::kTrained};
  int n = 0;
  graph.on_invoke = [&] {
    const bool is_trained = statuses[n] == SampleStatus::kTrained;
    graph.Report(0, statuses[n], 0, static_cast<float>(n), is_trained ? 10.0f : 0.0f, is_trained ? 16.0f : 0.0f);
    ++n;
    return true;
  };
  for (int i = 0; i < 3; ++i) REQUIRE(trainer.Step(0) == Status::kOk);
  const TrainingStatistics& sums = trainer.statistics();
  CHECK(sums.steps == 3);
  CHECK(sums.trained == 2);
  CHECK(sums.skip_rate() == doctest::Approx(1.0 / 3));
  CHECK(sums.loss == doctest::Approx(1.0));
  CHECK(sums.backward_effort() == doctest::Approx(2.0 / 3));
  CHECK(sums.step_effort() == doctest::Approx((300 + 52.0) / (300 + 78)));
  trainer.ResetStatistics();
  CHECK(trainer.statistics().samples == 0);
}

TEST_CASE("multiply-accumulates beyond 32 bits add up") {
  ScriptedGraph graph;
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  graph.on_invoke = [&] {
    graph.Report(0, SampleStatus::kTrained, 1, 1, 1e10f, 3.0f);
    return true;
  };
  SampleResult result;
  for (int i = 0; i < 2; ++i) REQUIRE(trainer.Step(0, &result) == Status::kOk);
  CHECK(trainer.statistics().backward_macs == 2 * uint64_t{10000000003});
  CHECK(result.backward_effort == doctest::Approx(10000000003.0 / 26));
}

TEST_CASE("the schedule begins with the step after it was set") {
  ScriptedGraph graph;
  Trainer trainer;
  Start(graph, &trainer);
  const auto schedule = LearningRateSchedule::WarmupCosine(0.4f, 4, 20);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  REQUIRE(trainer.Step(0) == Status::kOk);
  graph.rates.clear();
  REQUIRE(trainer.SetSchedule(schedule) == Status::kOk);
  for (int i = 0; i < 21; ++i) REQUIRE(trainer.Step(0) == Status::kOk);
  CHECK(graph.rates[0] == doctest::Approx(0.1));
  CHECK(graph.rates[3] == doctest::Approx(0.4));
  CHECK(graph.rates[19] > 0.0f);
  CHECK(graph.rates[20] == 0.0f);
  CHECK(trainer.step() == 21);  // the last call was an inference
  CHECK(trainer.SetLearningRate(kNan) == Status::kBadArgument);
  CHECK(trainer.SetLearningRate(-1.0f) == Status::kBadArgument);
  CHECK(trainer.SetSchedule(LearningRateSchedule::WarmupCosine(0.1f, 9, 8)) == Status::kBadArgument);
}

TEST_CASE("a rate that a batch with one sample makes infinite is refused") {
  ScriptedGraph graph(4);
  Trainer trainer;
  Start(graph, &trainer);
  CHECK(trainer.SetLearningRate(1e38f) == Status::kBadArgument);
  CHECK(trainer.SetSchedule(LearningRateSchedule::WarmupCosine(0.1f, 0, 10, 1e38f)) == Status::kBadArgument);
  CHECK(trainer.SetLearningRate(0.8e38f) == Status::kOk);
  CHECK(trainer.Step(0) == Status::kOk);
  CHECK(graph.rates.back() == doctest::Approx(3.2e38));
}

TEST_CASE("settings are checked before they are taken") {
  ScriptedGraph graph;
  Trainer trainer;
  Start(graph, &trainer);
  Control config = trainer.config();
  config.threshold = 0.0f;
  config.s_min = 1.0f;
  CHECK(trainer.SetConfig(config) == Status::kOk);
  CHECK(trainer.config().threshold == 0.0f);
  const auto refused = [&](float Control::*field, float value) {
    Control changed = trainer.config();
    changed.*field = value;
    return trainer.SetConfig(changed) == Status::kBadArgument;
  };
  CHECK(refused(&Control::s_min, -0.1f));
  CHECK(refused(&Control::s_max, 0.9f));  // below s_min
  CHECK(refused(&Control::s_max, 1.1f));
  CHECK(refused(&Control::zeta, kNan));
  CHECK(refused(&Control::zeta, -1.0f));
  CHECK(refused(&Control::zeta, kInfinity));
  CHECK(refused(&Control::d_max, kInfinity));
  CHECK(refused(&Control::d_min, -kInfinity));
  CHECK(refused(&Control::d_min, 3.0f));  // above d_max
  config.d_min = -3e38f;
  config.d_max = 3e38f;  // a difference that is infinite
  CHECK(trainer.SetConfig(config) == Status::kBadArgument);
  CHECK(refused(&Control::threshold, kNan));
  CHECK(refused(&Control::decay, 0.0f));
  CHECK(refused(&Control::decay, 1.5f));
  CHECK(trainer.config().decay == 1.0f);
}

TEST_CASE("a prediction trains nothing, whatever the rate") {
  ScriptedGraph graph(2);
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  graph.classes = {99, -5};
  graph.on_invoke = [&] {
    graph.y = {1, 3, 3, 2, 0, kNan, 1, 1};
    return true;
  };
  REQUIRE(trainer.Predict() == Status::kOk);
  CHECK(graph.rates.back() == 0.0f);
  CHECK(graph.classes == std::vector<int32_t>{0, 0});
  CHECK(trainer.PredictedClass(0) == 1);
  CHECK(trainer.PredictedClass(1) == -1);
  CHECK(trainer.PredictedClass(2) == -1);
  CHECK(trainer.Output(1).floats()[2] == 1.0f);
  CHECK(trainer.step() == 0);
}

TEST_CASE("the loss may be taken on any output, and all can be read") {
  ScriptedGraph graph(2, LossKind::kSparseCategoricalCrossentropy, wire::MetadataHeader::kLatestVersion, false, 1);
  Trainer trainer;
  Start(graph, &trainer);
  CHECK(trainer.metadata().output() == 1);
  graph.on_invoke = [&] {
    graph.other = {9, 8, 7, 6};
    graph.y = {1, 3, 3, 2, 0, 5, 1, 1};
    return true;
  };
  REQUIRE(trainer.Predict() == Status::kOk);
  CHECK(trainer.Output(1).floats().size == 4);
  CHECK(trainer.Output(1).floats()[1] == 5.0f);
  CHECK(trainer.Output(1, 1).data == trainer.Output(1).data);
  CHECK(trainer.Output(1, 0).floats().size == 2);
  CHECK(trainer.Output(1, 0).floats()[0] == 7.0f);
  CHECK(trainer.Output(0, 2).data == nullptr);
  CHECK(trainer.Output(0, -1).data == nullptr);
  CHECK(trainer.Output(2, 0).data == nullptr);
  CHECK(trainer.PredictedClass(0) == 1);
  const int32_t classes[] = {3, 4};  // of four, not of two
  CHECK(trainer.Step(Span<const int32_t>(classes, 2)) == Status::kBadLabel);
  CHECK(Trainer().Output(0, 0).data == nullptr);
}

TEST_CASE("binary labels are from 0 to 1") {
  ScriptedGraph graph(1, LossKind::kBinaryCrossentropy);
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetLearningRate(0.1f) == Status::kOk);
  const float labels[] = {0.0f, 1.0f, 0.25f, 1.0f};
  CHECK(trainer.Step(Span<const float>(labels, 4)) == Status::kOk);
  CHECK(graph.targets == std::vector<float>(labels, labels + 4));
  for (const float wrong : {-0.125f, 1.125f, kNan, kInfinity}) {
    const float one_wrong[] = {0.0f, 1.0f, wrong, 1.0f};
    CHECK(trainer.Step(Span<const float>(one_wrong, 4)) == Status::kBadLabel);
  }
  CHECK(trainer.Step(1) == Status::kBadLabel);
  CHECK(trainer.step() == 1);
  // Outputs of their own are no classes.
  graph.y = {0, 1, 0, 0};
  CHECK(trainer.PredictedClass() == -1);
}

TEST_CASE("a binary output is a class by the metadata's threshold") {
  ScriptedGraph graph(2, LossKind::kBinaryCrossentropy);
  const auto resize = [](TensorView* view) { view->bytes = 2 * static_cast<int32_t>(sizeof(float)); };
  resize(&graph.outputs[0]);  // one element a sample
  resize(&graph.inputs[1]);
  Trainer trainer;
  Start(graph, &trainer);
  CHECK(trainer.label_elements() == 1);
  for (const float value : {0.25f, 0.5f, 0.75f, kNan}) {
    graph.y = {1.0f, value};
    CHECK(trainer.PredictedClass(0) == 1);
    CHECK(trainer.PredictedClass(1) == (value > 0.5f ? 1 : value <= 0.5f ? 0 : -1));
  }
  graph.inputs[1].bytes *= 2;  // labels of another size than the output
  Trainer other;
  CHECK(other.Init(graph.graph(), graph.metadata()) == Status::kGraphMismatch);
}

TEST_CASE("Reset goes back to the exported weights") {
  ScriptedGraph graph;
  Trainer trainer;
  Start(graph, &trainer);
  REQUIRE(trainer.SetSchedule(LearningRateSchedule::WarmupCosine(0.1f, 2, 10)) == Status::kOk);
  REQUIRE(trainer.Step(0) == Status::kOk);
  REQUIRE(trainer.Reset() == Status::kOk);
  CHECK(graph.resets == 2);  // one of them of Init
  CHECK(graph.rates.back() == 0.0f);
  CHECK(trainer.step() == 0);
  CHECK(trainer.learning_rate() == doctest::Approx(0.05));
  graph.can_reset = false;
  CHECK(trainer.Reset() == Status::kInvokeFailed);
}

}  // namespace tinyprop
