// The training loop of firmware: one call per sample or minibatch.
//
//   tinyprop::Trainer trainer;
//   Status status = trainer.Init(tinyprop::GraphOf(interpreter), tinyprop::TrainingMetadataOf(*model));
//   trainer.SetSchedule(tinyprop::LearningRateSchedule::WarmupCosine(0.02f, 100, 4000));
//   status = trainer.SetInput(sample, kElements);
//   status = trainer.Step(label, &result);
//
// No heap, no global state; several trainers may live at once.
#ifndef TINYPROP_CC_RUNTIME_TRAINER_H_
#define TINYPROP_CC_RUNTIME_TRAINER_H_

#include <cstdint>
#include <type_traits>

#include "cc/core/control.h"
#include "cc/core/sample_status.h"
#include "cc/core/span.h"
#include "cc/core/statistics.h"
#include "cc/runtime/learning_rate_schedule.h"
#include "cc/runtime/status.h"
#include "cc/runtime/training_graph.h"
#include "cc/runtime/training_metadata.h"
#include "cc/runtime/training_statistics.h"
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

// What a step did with its samples: trained + skipped + non_finite of them, or none of these with learning rate 0.
struct StepCounts {
  int32_t trained = 0;
  int32_t skipped = 0;
  int32_t non_finite = 0;
};

// Not copied: of two trainers of one interpreter neither would know what the other has done.
class Trainer {
 public:
  Trainer() = default;
  Trainer(const Trainer&) = delete;

  // Reads the entry TINYPROP, compares it with the graph's tensors and puts the exported weights into the
  // variables, whatever the interpreter has done before; for that it resets the graph and invokes it once. graph: of an
  // interpreter whose tensors are allocated. metadata: content of the entry. Both must outlive the trainer.
  Status Init(const TrainingGraph& graph, Span<const uint8_t> metadata);

  // Where a sample of the next step or prediction goes: slot `sample` of the batch, model input `position`. No
  // data: there is no such slot. Every sample has to be written before every call, since TFLM uses the memory for
  // other tensors meanwhile.
  TensorView Input(int32_t sample = 0, int32_t position = 0) const;

  // Copies n values to Input(sample, position). T is the input's own type: int8 inputs take int8 values.
  //
  // kBadArgument: there is no such slot, its type is another one, or it has another number of elements; nothing was written.
  template <typename T>
  Status SetInput(const T* values, int32_t n, int32_t sample = 0, int32_t position = 0) {
    return SetInput(values, n, static_cast<int32_t>(sizeof(T)), kElementTypeOf<T>, Input(sample, position));
  }

  // One training step on one sample, with a class index as label. Otherwise as below.
  Status Step(int32_t label, SampleResult* result = nullptr);
  // A target of one element is a Span, too: a number with a fraction is no class.
  template <typename T, typename = std::enable_if_t<std::is_floating_point<T>::value || std::is_same<T, bool>::value>>
  Status Step(T label, SampleResult* result = nullptr) = delete;

  // One training step on the samples in the slots from 0 on: 1 to batch_size() of them; a smaller batch is
  // trained as such. labels: class indices, one a sample. targets: one-hot, from 0 to 1 (binary cross entropy), or
  // regression, label_elements() a sample. results: empty, or one a sample.
  //
  // A model that keeps state takes whole batches, since each slot is a stream of its own (kBadArgument).
  //
  // kBadLabel, kBadArgument: nothing was done. kInvokeFailed: the step does not count. kNonFinite: every sample was
  // refused. A batch of which some samples were refused is kOk: last_step() and the results say how many and which.
  Status Step(Span<const int32_t> labels, Span<SampleResult> results = {});
  Status Step(Span<const float> targets, Span<SampleResult> results = {});
  // Of the last step that was not refused; read it before the next call.
  StepCounts last_step() const;

  // Forward pass of the whole batch. Read Output or PredictedClass afterwards, before the next call. Changes nothing, except
  // that the state of a model that keeps some goes on with these samples, as it does with those of a Step.
  Status Predict();

  // The next sample of every slot is the first of a new stream: state of the model's own ops (LSTM, SVDF, streaming layers)
  // begins anew with it, and nothing else. For models converted with stateful=True; others begin anew with every sample.
  Status ResetState();
  // The output that the loss is taken on, for a sample of the last step or prediction: of a step, as it was before the
  // update. With a position, that one of the model's outputs, in its order; no data: there is no such output.
  TensorView Output(int32_t sample = 0) const;
  TensorView Output(int32_t sample, int32_t position) const;
  // Index of the largest output, of equal ones the first. With binary cross entropy and one output 1 if it stands for label
  // 1, else 0. -1 if the output is not float32 or holds NaN, or if there are several binary outputs.
  int32_t PredictedClass(int32_t sample = 0) const;

  // The rate of all further steps, or a schedule that begins with the next step. 0 trains nothing. kBadArgument: a rate
  // that is negative or, times the batch size, not finite.
  Status SetLearningRate(float rate) { return SetSchedule(LearningRateSchedule::Constant(rate)); }
  Status SetSchedule(const LearningRateSchedule& schedule);
  // A schedule that goes on from the position that Load has restored.
  Status ResumeSchedule(const LearningRateSchedule& schedule);
  // The rate of the next step.
  float learning_rate() const { return schedule_.RateAt(schedule_step_); }
  // Steps since the schedule began, those with the rate 0 included: a schedule of n steps is over when it is n.
  uint32_t schedule_step() const { return schedule_step_; }

  // Other settings than those the model was converted with. The field learning_rate is ignored.
  Status SetConfig(const Control& config);
  const Control& config() const { return config_; }

  // What the last step did in layer l (1..L) for a sample.
  LayerResult Layer(int32_t l, int32_t sample = 0) const;

  const TrainingStatistics& statistics() const { return totals_; }
  void ResetStatistics();

  // Keeps weights, running maxima, step count and schedule position, or takes them back; then a new stream begins.
  //
  // kWeightsNonFinite: Save has written nothing, so that the newest good record stays. If Load finds such weights, or the
  // storage fails in the middle of them (kLoadInterrupted), the trainer is back at the exported ones; kInvokeFailed: that
  // did not succeed, and the weights are undefined until it does. Other failures of Load change nothing.
  Status Save(WeightStore* store) const;
  Status Load(WeightStore* store);
  // Save in pieces (WeightStore::SaveBegin); predictions in between are allowed.
  //
  // kSaveInterrupted: a step, Load or Reset has changed the weights since SaveBegin.
  Status SaveBegin(WeightStore* store);
  Status SaveStep(WeightStore* store);
  // Back to the exported weights, step 0, the beginning of the schedule, and of a stream.
  Status Reset();

  const TrainingMetadata& metadata() const { return metadata_; }
  int32_t batch_size() const { return statistics_.batch; }
  int32_t label_elements() const { return label_elements_; }
  // Training steps done, those before a Load included. Stops at 2^32 - 1.
  uint32_t step() const { return step_; }
  // A trained variable, where it lies: kernels and biases in the order of the metadata, the running maxima last.
  Span<float> Variable(int32_t index);
  Span<const float> Variable(int32_t index) const;

 private:
  Trainer& operator=(const Trainer&) = default;
  Status CheckGraph(const TrainingGraph& graph);
  Status RestoreExportedWeights();
  Status SetInput(const void* values, int32_t n, int32_t size, ElementType type, const TensorView& to);
  bool WeightsAreFinite() const;
  Status Train(int32_t samples, Span<SampleResult> results);
  bool Invoke(float rate);
  Status Collect(int32_t samples, Span<SampleResult> results);
  SampleStatus StatusOf(int32_t sample) const;
  uint64_t MacsOf(int32_t sample) const;
  Status CheckCall(int32_t samples, Span<SampleResult> results) const;
  LabelKind label_kind() const { return kLabelKinds[static_cast<int32_t>(metadata_.loss())]; }
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
  const float* loss_ = nullptr;
  uint8_t* reset_state_ = nullptr;  // of a model that keeps state
  bool begins_stream_ = false;      // the next invoke resets it
  bool is_saving_ = false;          // and the weights are those of SaveBegin
  uint16_t last_samples_ = 0;       // of the last step
  Statistics statistics_;  // its batch is 0 until Init has succeeded
  int32_t label_elements_ = 0;  // of one sample
  int32_t classes_ = 0;         // that a label may name; 0 if labels are targets
  uint64_t backward_macs_ = 0;  // of one sample
  uint32_t step_ = 0;
  uint32_t schedule_step_ = 0;
};

}  // namespace tinyprop

#endif  // TINYPROP_CC_RUNTIME_TRAINER_H_
