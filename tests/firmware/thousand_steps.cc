// 1,000 training steps of an MLP 64-32-10 with TinyProp v2, printed so that machines can be compared (test_boards.py):
//   step <status> <k of layer 1> <k of layer 2> <loss>    one line per step; floats as bits
//   weight <value>                                        every kernel and bias after the last step
//   maximum <value>                                       every running maximum after the last step
//   stack <bytes>                                         the most that a call of Step needed
// Skipped samples, steps that keep a part of the gradients and steps that keep all of a layer's occur.
#include "cc/runtime/trainer.h"
#include "tests/firmware/board/board.h"
#include "tests/firmware/core_mlp.h"
#include "tests/firmware/random.h"

namespace {

constexpr int32_t kFeatures = 64, kClasses = 10, kSteps = 1000;

// Ten classes, each with random features of its own; a sample is its class's features with twice as much noise.
class Samples {
 public:
  Samples() : random_(7) {
    for (float& value : center_) value = random_.Uniform();
  }
  int32_t Next(tinyprop::Span<float> x) {
    const int32_t label = random_.Below(kClasses);
    for (int32_t i = 0; i < kFeatures; ++i) x[i] = center_[label * kFeatures + i] + 2.0f * random_.Uniform();
    return label;
  }

 private:
  tinyprop::Random random_;
  float center_[kClasses * kFeatures];
};

void WriteStep(const tinyprop::Trainer& trainer, const tinyprop::SampleResult& result) {
  board::Write("step ");
  board::Write(static_cast<int32_t>(result.status));
  for (int32_t l = 1; l <= trainer.metadata().layer_count(); ++l) {
    board::Write(" ");
    board::Write(trainer.Layer(l).kept);
  }
  board::Write(" ");
  board::WriteHex(tinyprop::BitsOf(result.loss));
  board::Write("\n");
}

bool Train(tinyprop::Trainer* trainer, Samples* samples) {
  uint32_t depth = 0;
  for (int32_t i = 0; i < kSteps; ++i) {
    const int32_t label = samples->Next(trainer->Input().floats());
    tinyprop::SampleResult result;
    board::PaintStack();
    const tinyprop::Status status = trainer->Step(label, &result);
    const uint32_t used = board::StackDepth();
    depth = used > depth ? used : depth;
    if (status != tinyprop::Status::kOk) return false;
    WriteStep(*trainer, result);
  }
  board::Write("stack ");
  board::Write(static_cast<int32_t>(depth));
  board::Write("\n");
  return true;
}

void WriteWeights(const tinyprop::Trainer& trainer) {
  for (int32_t v = 0; v < trainer.metadata().variable_count(); ++v) {
    for (const float value : trainer.Variable(v)) {
      board::Write(v + 1 < trainer.metadata().variable_count() ? "weight " : "maximum ");
      board::WriteHex(tinyprop::BitsOf(value));
      board::Write("\n");
    }
  }
}

}  // namespace

int main() {
  static tinyprop::CoreMlp<1, kFeatures, 32, kClasses> mlp(3);
  Samples samples;
  tinyprop::Trainer trainer;
  if (trainer.Init(mlp.graph(), mlp.metadata()) != tinyprop::Status::kOk) return 1;
  const auto schedule = tinyprop::LearningRateSchedule::WarmupCosine(0.0625f, 50, kSteps);
  if (trainer.SetSchedule(schedule) != tinyprop::Status::kOk) return 2;
  if (!Train(&trainer, &samples)) return 3;
  WriteWeights(trainer);
  return 0;
}
