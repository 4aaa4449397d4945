// Workload of `make bench-arm`: the stages of a training step of the MLP 784-128-64-10 at batch 1, a skipped sample,
// and the selection alone. Prints lines for bench_arm.py:
//   count <name> <instructions>    one measurement of a region; a name is measured with several samples
//   open <name> <ReLUs>            open ReLUs of the hidden layers, of 192 in each of 16 samples
//   bytes <name> <bytes>           memory
//
// Data: inputs uniform in [-1, 1), labels uniform, Glorot-uniform weights. "typical" has biases of zero, so that about
// half of the hidden ReLUs are closed and their gradient is masked, as in a network at the start of training; "open"
// has biases so large that every ReLU is open, so that keeping 100 % is the whole work. All from fixed seeds.
#include "cc/core/selection.h"
#include "cc/runtime/trainer.h"
#include "tests/firmware/board/board.h"
#include "tests/firmware/core_mlp.h"
#include "tests/firmware/random.h"

namespace {

using tinyprop::Control;
using tinyprop::Span;
using tinyprop::Status;

constexpr int32_t kFeatures = 784, kClasses = 10, kSamples = 16;
using Mlp = tinyprop::CoreMlp<1, kFeatures, 128, 64, kClasses>;

// Instructions that reading the counter twice takes; set by main.
uint32_t overhead = 0;

template <typename Work>
uint32_t Count(Work work) {
  const uint32_t before = board::Instructions();
  work();
  return board::Instructions() - before - overhead;
}

void Report(const char* kind, const char* name, int32_t value) {
  board::Write(kind);
  board::Write(" ");
  board::Write(name);
  board::Write(" ");
  board::Write(value);
  board::Write("\n");
}

template <typename Work>
void Measure(const char* name, Work work) {
  Report("count", name, static_cast<int32_t>(Count(work)));
}

Control FixedShare(float share) { return {0.0001f, share, share, 1.0f, 1.0f, 1.0f, 0.0f, 1.0f}; }

void NextSample(tinyprop::Random* random, float* input, int32_t* label) {
  for (int32_t i = 0; i < kFeatures; ++i) input[i] = random->Uniform();
  *label = random->Below(kClasses);
}

// Layers 1 and 2 far above zero whatever the sample; the output layer's weights smaller in turn, so that the softmax
// does not saturate and every class has a gradient.
void OpenReLUs(Mlp* mlp) {
  constexpr float kBias[2] = {4.0f, 20.0f};
  for (int32_t layer = 1; layer <= 2; ++layer) {
    float* const bias = mlp->variable(2 * layer - 1);
    for (int32_t u = 0; u < Mlp::kWidth[layer]; ++u) bias[u] = kBias[layer - 1];
  }
  float* const weights = mlp->variable(4);
  for (int32_t i = 0; i < 64 * kClasses; ++i) weights[i] *= 1.0f / 64.0f;
}

// The exported weights; one inference writes them.
void Restart(Mlp* mlp, bool open) {
  const tinyprop::TrainingGraph graph = mlp->graph();
  graph.reset(graph.context);
  mlp->control() = {};
  graph.invoke(graph.context);
  if (open) OpenReLUs(mlp);
}

int32_t OpenCount(Mlp* mlp) {
  int32_t count = 0;
  const float* const hidden = mlp->input() + kFeatures;
  for (int32_t i = 0; i < 128 + 64; ++i) count += hidden[i] > 0.0f;
  return count;
}

struct Case {
  const char* name;
  float share;
  bool open;
};

constexpr Case kCases[] = {
    {"typical_100", 1.0f, false}, {"typical_30", 0.3f, false},
    {"typical_10", 0.1f, false},   {"open_100", 1.0f, true},
    {"open_30", 0.3f, true},          {"open_10", 0.1f, true},
};

void MeasureBackward(Mlp* mlp, const Case& c) {
  Restart(mlp, c.open);
  mlp->control() = FixedShare(c.share);
  tinyprop::Random random(11);
  int32_t open = 0;
  for (int32_t i = 0; i < kSamples; ++i) {
    NextSample(&random, mlp->input(), mlp->label());
    mlp->Forward();
    open += OpenCount(mlp);
    mlp->Loss();
    Measure(c.name, [&] { mlp->Backward(); });
  }
  Report("open", c.name, open);
}

void MeasureStages(Mlp* mlp) {
  Restart(mlp, false);
  mlp->control() = FixedShare(1.0f);
  tinyprop::Random random(11);
  for (int32_t i = 0; i < kSamples; ++i) {
    NextSample(&random, mlp->input(), mlp->label());
    Measure("forward", [&] { mlp->Forward(); });
    Measure("loss", [&] { mlp->Loss(); });
    mlp->Backward();
  }
}

// Whole calls of Trainer::Step. A sample is skipped if the threshold is above every decision metric.
bool MeasureSteps(Mlp* mlp, tinyprop::Trainer* trainer, const char* name, Control control) {
  if (trainer->Reset() != Status::kOk || trainer->SetConfig(control) != Status::kOk ||
      trainer->SetLearningRate(control.learning_rate) != Status::kOk) {
    return false;
  }
  tinyprop::Random random(11);
  uint32_t depth = 0;
  for (int32_t i = 0; i <= kSamples; ++i) {
    int32_t label;
    NextSample(&random, mlp->input(), &label);
    Status status = Status::kOk;
    board::PaintStack();
    const uint32_t count = Count([&] { status = trainer->Step(label); });
    const uint32_t used = board::StackDepth();
    depth = used > depth ? used : depth;
    if (status != Status::kOk) return false;
    if (i > 0) Report("count", name, static_cast<int32_t>(count));  // the first writes the exported weights
  }
  Report("bytes", "stack", static_cast<int32_t>(depth));
  return true;
}

// About normal: the sum of four uniform numbers.
float Gradient(tinyprop::Random* random) {
  return random->Uniform() + random->Uniform() + random->Uniform() + random->Uniform();
}

void MeasureSelection(const char* name, int32_t n, int32_t k) {
  static float values[1024];
  tinyprop::Random random(5);
  for (int32_t draw = 0; draw < kSamples; ++draw) {
    for (int32_t i = 0; i < n; ++i) values[i] = Gradient(&random);
    Measure(name, [&] { tinyprop::KeepTopK(k, Span<float>(values, n)); });
  }
}

}  // namespace

int main() {
  static Mlp mlp(3);
  overhead = Count([] {});
  for (const Case& c : kCases) MeasureBackward(&mlp, c);
  MeasureStages(&mlp);
  tinyprop::Trainer trainer;
  if (trainer.Init(mlp.graph(), mlp.metadata()) != Status::kOk) return 1;
  Control skip = FixedShare(1.0f);
  skip.threshold = 2.0f;
  if (!MeasureSteps(&mlp, &trainer, "step_100", FixedShare(1.0f)) ||
      !MeasureSteps(&mlp, &trainer, "step_30", FixedShare(0.3f)) ||
      !MeasureSteps(&mlp, &trainer, "step_10", FixedShare(0.1f)) ||
      !MeasureSteps(&mlp, &trainer, "step_skipped", skip)) {
    return 2;
  }
  MeasureSelection("select_64_19", 64, 19);
  MeasureSelection("select_128_38", 128, 38);
  MeasureSelection("select_1024_102", 1024, 102);
  MeasureSelection("select_1024_512", 1024, 512);
  Report("bytes", "parameters", Mlp::kParameters * static_cast<int32_t>(sizeof(float)));
  Report("bytes", "mlp", sizeof(Mlp));
  Report("bytes", "trainer", sizeof(tinyprop::Trainer));
  return 0;
}
