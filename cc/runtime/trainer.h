// The training loop of firmware: one call per sample or minibatch.
//
//   tinyprop::Trainer trainer;
//   Status status = trainer.Init(tinyprop::GraphOf(interpreter), tinyprop::TrainingMetadataOf(*model));
//   trainer.SetSchedule(tinyprop::LearningRateSchedule::WarmupCosine(0.02f, 100, 4000));
//   ... write the sample to trainer.Input() ...
//   status = trainer.Step(label, &result);
//
// No heap, no global state; several trainers may live at once.
#ifndef TINYPROP_CC_RUNTIME_TRAINER_H_
#define TINYPROP_CC_RUNTIME_TRAINER_H_

#include <cstdint>

#include "cc/core/control.h"
#include "cc/core/sample_status.h"
#include "cc/core/span.h"
#include "cc/core/statistics.h"
#include "cc/runtime/learning_rate_schedule.h"
#include "cc/runtime/status.h"
#include "cc/runtime/training_graph.h"
#include "cc/runtime/training_metadata.h"
#include "cc/runtime/weight_store.h"

namespace tinyprop {

// What a step did with one sample.
struct SampleResult {
  SampleStatus status = SampleStatus::kInference;
  float loss = 0.0f;
  float decision = 0.0f;         // D at the output layer
  float backward_effort = 0.0f;  // multiply-accumulates of backward and update over those of full backpropagation
  float step_effort = 0.0f;      // the same with the forward pass in both

  bool skipped() const { return status == SampleStatus::kSkipped; }
};

// What a step did in one layer for one sample; all 0 if the sample was not trained.
struct LayerResult {
  float local_error = 0.0f;  // Y
  float rate = 0.0f;         // S
  int32_t kept = 0;          // k
  int32_t gradients = 0;     // n
};

// Sums over all steps since Init or ResetStatistics.
struct TrainingStatistics {
  uint32_t steps = 0;
  uint32_t samples = 0;  // trained + skipped + non_finite, or in inference
  uint32_t trained = 0;
  uint32_t skipped = 0;
  uint32_t non_finite = 0;
  float loss = 0.0f;  // mean over the samples whose loss is finite
  uint64_t backward_macs = 0;       // multiply-accumulates of backward pass and update
  uint64_t full_backward_macs = 0;  // those of full backpropagation
  uint64_t forward_macs = 0;

  float skip_rate() const;
  float backward_effort() const;
  float step_effort() const;
};

class Trainer {
 public:
  // Reads the entry TINYPROP, compares it with the graph's tensors and puts the exported weights into the
  // variables, for which it invokes the graph once. graph: of an interpreter whose tensors are allocated.
  // metadata: content of the entry; both must outlive the trainer.
  Status Init(const TrainingGraph& graph, Span<const uint8_t> metadata);

  // Where sample `sample` of the next step or prediction goes: its part of model input `position`. Every
  // sample has to be written before every call, since TFLM uses the memory for other tensors meanwhile.
  TensorView Input(int32_t sample = 0, int32_t position = 0) const;

  // One training step on one sample, with a class index as label.
  Status Step(int32_t label, SampleResult* result = nullptr);

  // One training step on up to batch_size() samples, in the slots from 0 on; a smaller batch is trained as such.
  // labels: class indices, or float32 targets (one-hot or regression), as many a sample as the label tensor
  // has. results: empty, or one per sample.
  // kBadLabel, kBadArgument, kInvokeFailed: nothing was trained. kNonFinite: at least one sample was refused;
  // the others were trained.
  Status Step(Span<const int32_t> labels, Span<SampleResult> results = {});
  Status Step(Span<const float> targets, Span<SampleResult> results = {});

  // Forward pass of the whole batch. Read Output or PredictedClass afterwards.
  Status Predict();
  TensorView Output(int32_t sample = 0) const;
  // Index of the largest output; -1 if there is none (NaN, or not float32 outputs).
  int32_t PredictedClass(int32_t sample = 0) const;

  // The rate of all further steps, or a schedule that begins with the next step.
  Status SetLearningRate(float rate);
  Status SetSchedule(const LearningRateSchedule& schedule);
  // The same schedule as before a reset, at the position that Load has restored.
  Status ResumeSchedule(const LearningRateSchedule& schedule);
  // The rate of the next step.
  float learning_rate() const { return schedule_.RateAt(schedule_step_); }

  // Settings other than those the model was converted with; the field learning_rate is ignored.
  Status SetConfig(const Control& config);
  const Control& config() const { return config_; }

  // What the last step did in layer l (1..L) for a sample.
  LayerResult Layer(int32_t l, int32_t sample = 0) const;

  const TrainingStatistics& statistics() const { return totals_; }
  void ResetStatistics() { totals_ = TrainingStatistics(); }

  // Keeps weights, running maxima, step count and schedule position; takes them back.
  Status Save(WeightStore* store);
  Status Load(WeightStore* store);
  // Back to the exported weights, step 0.
  Status Reset();

  const TrainingMetadata& metadata() const { return metadata_; }
  int32_t batch_size() const { return metadata_.batch_size(); }
  uint32_t step() const { return step_; }
  // Trained variables, where they lie: kernels and biases, the running maxima last.
  Span<float> Variable(int32_t index) const;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_TRAINER_H_
