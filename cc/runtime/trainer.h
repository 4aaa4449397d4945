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
  // Multiply-accumulates of backward pass and update over those of full backpropagation, and the same with the
  // forward pass in both.
  float backward_effort = 0.0f;
  float step_effort = 0.0f;

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
  uint32_t samples = 0;  // trained + skipped + non_finite, and those of steps with learning rate 0
  uint32_t trained = 0;
  uint32_t skipped = 0;
  uint32_t non_finite = 0;
  float loss = 0.0f;                // mean over the samples that were trained or skipped
  uint64_t backward_macs = 0;       // multiply-accumulates of backward pass and update
  uint64_t full_backward_macs = 0;  // those of full backpropagation of the same samples
  uint64_t forward_macs = 0;

  // Ratios in [0, 1]; 0 before the first step.
  float skip_rate() const;
  float backward_effort() const;
  float step_effort() const;
};

class Trainer {
 public:
  // Reads the entry TINYPROP, compares it with the graph's tensors and puts the exported weights into the
  // variables, for which it invokes the graph once. graph: of an interpreter whose tensors are allocated.
  // metadata: content of the entry. Both must outlive the trainer.
  Status Init(const TrainingGraph& graph, Span<const uint8_t> metadata);

  // Where a sample of the next step or prediction goes: slot `sample` of the batch, model input `position`. No
  // data: there is no such slot. Every sample has to be written before every call, since TFLM uses the memory for
  // other tensors meanwhile.
  TensorView Input(int32_t sample = 0, int32_t position = 0) const;

  // One training step on one sample, with a class index as label. Otherwise as below.
  Status Step(int32_t label, SampleResult* result = nullptr);

  // One training step on the samples in the slots from 0 on: 1 to batch_size() of them; a smaller batch is
  // trained as such. labels: class indices, one a sample. targets: one-hot or regression, label_elements() a
  // sample. results: empty, or one a sample.
  //
  // kBadLabel, kBadArgument: nothing was done. kInvokeFailed: the step does not count. kNonFinite: at least one
  // sample was refused (its result says so), the others were trained.
  Status Step(Span<const int32_t> labels, Span<SampleResult> results = {});
  Status Step(Span<const float> targets, Span<SampleResult> results = {});

  // Forward pass of the whole batch. Read Output or PredictedClass afterwards, before the next call.
  Status Predict();
  // The model's output for a sample of the last step or prediction: of a step, as it was before the update.
  TensorView Output(int32_t sample = 0) const;
  // Index of the largest output, of equal ones the first; -1 if the output is not float32 or holds NaN.
  int32_t PredictedClass(int32_t sample = 0) const;

  // The rate of all further steps, or a schedule that begins with the next step. 0 trains nothing.
  Status SetLearningRate(float rate) { return SetSchedule(LearningRateSchedule::Constant(rate)); }
  Status SetSchedule(const LearningRateSchedule& schedule);
  // A schedule that goes on from the position that Load has restored.
  Status ResumeSchedule(const LearningRateSchedule& schedule);
  // The rate of the next step.
  float learning_rate() const { return schedule_.RateAt(schedule_step_); }

  // Other settings than those the model was converted with. The field learning_rate is ignored.
  Status SetConfig(const Control& config);
  const Control& config() const { return config_; }

  // What the last step did in layer l (1..L) for a sample.
  LayerResult Layer(int32_t l, int32_t sample = 0) const;

  const TrainingStatistics& statistics() const { return totals_; }
  void ResetStatistics();

  // Keeps weights, running maxima, step count and schedule position, or takes them back. If Load fails in
  // the middle of the weights (kLoadInterrupted), the trainer is back at the exported ones; otherwise a failure
  // changes nothing.
  Status Save(WeightStore* store) const;
  Status Load(WeightStore* store);
  // Back to the exported weights, step 0, and the beginning of the schedule.
  Status Reset();

  const TrainingMetadata& metadata() const { return metadata_; }
  int32_t batch_size() const { return statistics_.batch; }
  int32_t label_elements() const { return label_elements_; }
  // Training steps done, those before a Load included.
  uint32_t step() const { return step_; }
  // A trained variable, where it lies: kernels and biases in the order of the metadata, the running maxima last.
  Span<float> Variable(int32_t index) const;

 private:
  Status CheckGraph(const TrainingGraph& graph);
  Status RestoreExportedWeights();
  Status Train(int32_t samples, Span<SampleResult> results);
  bool Invoke(float rate);
  void AddUp(const SampleResult& result, uint64_t macs);
  uint64_t MacsOf(int32_t sample) const;
  Status CheckCall(int32_t samples, Span<SampleResult> results) const;
  bool IsClass(int32_t label) const { return label >= 0 && label < classes_; }
  TrainingState State() const;

  TrainingGraph graph_;
  TrainingMetadata metadata_;
  Control config_ = {};
  LearningRateSchedule schedule_;
  TrainingStatistics totals_;
  // Tensors of the graph, where they lie.
  float* control_ = nullptr;
  TensorView label_;
  Span<float> loss_;
  Statistics statistics_;  // its batch is 0 until Init has succeeded
  int32_t label_elements_ = 0;  // of one sample
  int32_t classes_ = 0;         // that a label may name; 0 if labels are targets
  uint64_t backward_macs_ = 0;  // of one sample
  uint32_t step_ = 0;
  uint32_t schedule_step_ = 0;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_TRAINER_H_
