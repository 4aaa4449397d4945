// 1,000 training steps of an MLP 64-32-10 with TinyProp v2, printed so that machines can be compared (test_boards.py):
// a line "<status> <k of layer 1> <k of layer 2>" per step, the final weights as bits, the depth of the stack.
#include "cc/runtime/trainer.h"
#include "tests/firmware/board/board.h"
#include "tests/firmware/core_mlp.h"
#include "tests/firmware/random.h"

namespace {

constexpr int32_t kFeatures = 64, kClasses = 10, kSteps = 1000;

// Ten classes, each with random features of its own; a sample is its class's features with noise on them.
class Samples {
 public:
  Samples() : random_(7) {
    for (float& value : center_) value = random_.Uniform();
  }
  int32_t Next(tinyprop::Span<float> x) {
    const int32_t label = random_.Below(kClasses);
    for (int32_t i = 0; i < kFeatures; ++i) x[i] = center_[label * kFeatures + i] + random_.Uniform();
    return label;
  }

 private:
  tinyprop::Random random_;
  float center_[kClasses * kFeatures];
};

uint32_t FirstFailure(tinyprop::Trainer* trainer, Samples* samples) {
  uint32_t depth = 0;
  for (int32_t i = 0; i < kSteps; ++i) {
    const int32_t label = samples->Next(trainer->Input().floats());
    tinyprop::SampleResult result;
    board::PaintStack();
    const tinyprop::Status status = trainer->Step(label, &result);
    const uint32_t used = board::StackDepth();
    depth = used > depth ? used : depth;
    if (status != tinyprop::Status::kOk) return 1;
    board::Write(static_cast<int32_t>(result.status));
    for (int32_t l = 1; l <= 2; ++l) {
      board::Write(" ");
      board::Write(trainer->Layer(l).kept);
    }
    board::Write("\n");
  }
  board::Write("stack ");
  board::Write(static_cast<int32_t>(depth));
  board::Write("\n");
  return 0;
}

void WriteWeights(const tinyprop::Trainer& trainer) {
  for (int32_t v = 0; v < trainer.metadata().variable_count(); ++v) {
    for (const float value : trainer.Variable(v)) {
      board::Write("w ");
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
  if (FirstFailure(&trainer, &samples) != 0) return 3;
  WriteWeights(trainer);
  return 0;
}
