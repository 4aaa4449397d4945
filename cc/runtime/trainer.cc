#include "cc/runtime/trainer.h"

#include <cstddef>
#include <cstring>

#include "cc/core/float_bits.h"
#include "cc/core/vector_ops.h"

namespace tinyprop {
namespace {

// A label that no model has: the loss op then refuses the sample (SPEC.md, "Loss").
constexpr int32_t kNoClass = -1;

// Where step counts stop: a schedule that is over does not begin anew.
constexpr uint32_t kMostSteps = 0xffffffffu;

float QuietNan() {
  constexpr uint32_t kBits = 0x7fc00000u;
  float value;
  std::memcpy(&value, &kBits, sizeof value);
  return value;
}

// count: not negative.
uint64_t ToCount(float count) {
  return count < 4294967296.0f ? static_cast<uint32_t>(count) : static_cast<uint64_t>(count);
}

// The part of one sample of a batch; no data if there is no such sample.
TensorView SampleOf(const TensorView& tensor, int32_t sample, int32_t batch) {
  if (tensor.data == nullptr || sample < 0 || sample >= batch) return {};
  TensorView part = tensor;
  part.bytes = tensor.bytes / batch;
  part.data = static_cast<uint8_t*>(tensor.data) + static_cast<ptrdiff_t>(sample) * part.bytes;
  return part;
}

}  // namespace

Status Trainer::Init(const TrainingGraph& graph, Span<const uint8_t> metadata) {
  *this = Trainer();
  Status status = metadata_.Parse(metadata);
  if (status == Status::kOk) status = CheckGraph(graph);
  if (status == Status::kOk) status = RestoreExportedWeights();  // step and schedule are at their beginning
  if (status != Status::kOk) *this = Trainer();
  return status;
}

Status Trainer::CheckGraph(const TrainingGraph& graph) {
  graph_ = graph;
  if (graph.invoke == nullptr || graph.reset == nullptr || graph.input == nullptr || graph.output == nullptr) {
    return Status::kGraphMismatch;
  }
  const int32_t batch = metadata_.batch_size();
  const int32_t variables = metadata_.variable_count();
  const int32_t added_inputs = 2 + metadata_.keeps_state(), added_outputs = 2 + variables;
  if (graph.inputs != metadata_.model_inputs() + added_inputs || metadata_.model_inputs() < 1 ||
      graph.outputs != metadata_.model_outputs() + added_outputs || metadata_.model_outputs() < 1) {
    return Status::kGraphMismatch;
  }
  for (int32_t i = 0; i < metadata_.model_inputs(); ++i) {
    const TensorView input = graph.input(graph.context, i);
    if (input.data == nullptr || input.bytes == 0 || input.bytes % batch != 0) return Status::kGraphMismatch;
  }
  const Span<float> control = graph.input(graph.context, metadata_.control_input()).floats();
  label_ = graph.input(graph.context, metadata_.label_input());
  const Span<float> loss = graph.output(graph.context, metadata_.loss_output()).floats();
  const Span<float> statistics = graph.output(graph.context, metadata_.statistics_output()).floats();
  const int32_t rows = 1 + metadata_.layer_count();
  if (control.size != kControlSize || loss.size != batch ||
      statistics.size != rows * batch * kStatisticsFields) {
    return Status::kGraphMismatch;
  }
  const bool is_sparse = label_kind() == LabelKind::kClassIndex;
  const int32_t elements = is_sparse ? label_.ints().size : label_.floats().size;
  if (elements == 0 || elements % batch != 0 || (is_sparse && elements != batch)) {
    return Status::kGraphMismatch;
  }
  for (int32_t v = 0; v < variables; ++v) {
    if (Variable(v).size != metadata_.VariableElements(v)) return Status::kGraphMismatch;
  }
  if (metadata_.keeps_state()) {
    const TensorView request = graph.input(graph.context, metadata_.reset_state_input());
    if (request.bytes != 1) return Status::kGraphMismatch;
    reset_state_ = static_cast<uint8_t*>(request.data);
  }
  control_ = control.data;
  loss_ = loss.data;
  statistics_ = {statistics.data, batch};
  label_elements_ = elements / batch;
  classes_ = is_sparse ? Output().floats().size : 0;
  if (label_kind() == LabelKind::kBinary && Output().floats().size != label_elements_) return Status::kGraphMismatch;
  config_ = metadata_.config();
  backward_macs_ = metadata_.backward_macs();
  return is_sparse && classes_ == 0 ? Status::kGraphMismatch : Status::kOk;
}

// The graph copies the exported weights to the variables in the first invoke after a reset, whatever its inputs.
Status Trainer::RestoreExportedWeights() {
  if (!graph_.reset(graph_.context)) return Status::kInvokeFailed;
  for (int32_t i = 0; i < metadata_.model_inputs(); ++i) {
    const TensorView input = graph_.input(graph_.context, i);
    std::memset(input.data, 0, static_cast<size_t>(input.bytes));
  }
  std::memset(label_.data, 0, static_cast<size_t>(label_.bytes));
  // This sample is none of a stream: resource variables begin anew, and afterwards all state does.
  begins_stream_ = true;
  const bool is_done = Invoke(0.0f);
  begins_stream_ = true;
  return is_done ? Status::kOk : Status::kInvokeFailed;
}

bool Trainer::Invoke(float rate) {
  Control control = config_;
  control.learning_rate = rate;
  std::memcpy(control_, &control, sizeof control);
  if (reset_state_ != nullptr) *reset_state_ = begins_stream_;
  const bool is_done = graph_.invoke(graph_.context);
  begins_stream_ = begins_stream_ && !is_done;
  return is_done;
}

TensorView Trainer::Input(int32_t sample, int32_t position) const {
  if (batch_size() == 0 || position < 0 || position >= metadata_.model_inputs()) return {};
  return SampleOf(graph_.input(graph_.context, position), sample, batch_size());
}

Status Trainer::SetInput(const void* values, int32_t n, int32_t size, ElementType type, const TensorView& to) {
  if (batch_size() == 0) return Status::kNotInitialized;
  if (values == nullptr || to.data == nullptr || to.type != type || to.bytes != int64_t{n} * size) return Status::kBadArgument;
  std::memcpy(to.data, values, static_cast<size_t>(to.bytes));
  return Status::kOk;
}

TensorView Trainer::Output(int32_t sample, int32_t position) const {
  if (batch_size() == 0 || position < 0 || position >= metadata_.model_outputs()) return {};
  return SampleOf(graph_.output(graph_.context, position), sample, batch_size());
}

TensorView Trainer::Output(int32_t sample) const {
  return batch_size() == 0 ? TensorView() : Output(sample, metadata_.output());
}

int32_t Trainer::PredictedClass(int32_t sample) const {
  const Span<float> output = Output(sample).floats();
  if (!output.empty() && label_kind() == LabelKind::kBinary) {
    if (output.size != 1 || output[0] != output[0]) return -1;
    return output[0] > metadata_.output_threshold() ? 1 : 0;
  }
  int32_t best = output.empty() ? -1 : 0;
  for (int32_t c = 0; c < output.size; ++c) {
    if (output[c] != output[c]) return -1;
    if (output[c] > output[best]) best = c;
  }
  return best;
}

Status Trainer::CheckCall(int32_t samples, Span<SampleResult> results) const {
  if (batch_size() == 0) return Status::kNotInitialized;
  if (samples < 1 || samples > batch_size()) return Status::kBadArgument;
  if (metadata_.keeps_state() && samples != batch_size()) return Status::kBadArgument;
  return results.empty() || results.size >= samples ? Status::kOk : Status::kBadArgument;
}

Status Trainer::Step(int32_t label, SampleResult* result) {
  return Step(Span<const int32_t>(&label, 1), Span<SampleResult>(result, result == nullptr ? 0 : 1));
}

Status Trainer::Step(Span<const int32_t> labels, Span<SampleResult> results) {
  const Status status = CheckCall(labels.size, results);
  if (status != Status::kOk) return status;
  for (const int32_t label : labels) {
    if (!IsClass(label)) return Status::kBadLabel;
  }
  const Span<int32_t> to = label_.ints();
  for (int32_t b = 0; b < to.size; ++b) to[b] = b < labels.size ? labels[b] : kNoClass;
  return Train(labels.size, results);
}

Status Trainer::Step(Span<const float> targets, Span<SampleResult> results) {
  if (batch_size() == 0) return Status::kNotInitialized;
  if (classes_ != 0 || targets.size % label_elements_ != 0) return Status::kBadLabel;
  const int32_t samples = targets.size / label_elements_;
  const Status status = CheckCall(samples, results);
  if (status != Status::kOk) return status;
  if (!AllFinite(targets)) return Status::kBadLabel;
  if (label_kind() == LabelKind::kBinary) {
    for (const float target : targets) {
      if (target < 0.0f || target > 1.0f) return Status::kBadLabel;
    }
  }
  const Span<float> to = label_.floats();
  for (int32_t i = 0; i < to.size; ++i) to[i] = i < targets.size ? targets[i] : QuietNan();
  return Train(samples, results);
}

// Labels and inputs are in place; slots from `samples` on have a label that closes their gate. The graph divides
// by the whole batch, so the rate makes up for the samples that are missing.
Status Trainer::Train(int32_t samples, Span<SampleResult> results) {
  const float rate = learning_rate();
  const bool is_partial = samples != batch_size();
  const float scaled = is_partial ? rate * static_cast<float>(batch_size()) / static_cast<float>(samples) : rate;
  if (rate > 0.0f) is_saving_ = false;
  if (!Invoke(scaled)) return Status::kInvokeFailed;
  schedule_step_ += schedule_step_ != kMostSteps;
  step_ += rate > 0.0f && step_ != kMostSteps;
  return Collect(samples, results);
}

// What the graph says that it did. A function of its own, so that it takes no stack while the graph is invoked.
[[gnu::noinline]] Status Trainer::Collect(int32_t samples, Span<SampleResult> results) {
  totals_.AddStep();
  last_samples_ = static_cast<uint16_t>(samples);
  int32_t non_finite = 0;
  for (int32_t b = 0; b < samples; ++b) {
    const uint64_t macs = MacsOf(b);
    SampleResult result;
    result.status = StatusOf(b);
    result.loss = loss_[b];
    result.decision = statistics_.sample(b).decision;
    result.backward_effort = Ratio(macs, backward_macs_);
    result.step_effort = Ratio(metadata_.forward_macs() + macs, metadata_.forward_macs() + backward_macs_);
    non_finite += result.status == SampleStatus::kNonFinite;
    totals_.AddSample(result.status, result.loss, {metadata_.forward_macs(), macs, backward_macs_});
    if (!results.empty()) results[b] = result;
  }
  return non_finite == samples ? Status::kNonFinite : Status::kOk;
}

SampleStatus Trainer::StatusOf(int32_t sample) const {
  return static_cast<SampleStatus>(static_cast<int32_t>(statistics_.sample(sample).status));
}

StepCounts Trainer::last_step() const {
  StepCounts counts;
  for (int32_t b = 0; b < last_samples_; ++b) {
    const SampleStatus status = StatusOf(b);
    counts.trained += status == SampleStatus::kTrained;
    counts.skipped += status == SampleStatus::kSkipped;
    counts.non_finite += status == SampleStatus::kNonFinite;
  }
  return counts;
}

uint64_t Trainer::MacsOf(int32_t sample) const {
  uint64_t macs = 0;
  for (int32_t l = 1; l <= metadata_.layer_count(); ++l) {
    macs += ToCount(statistics_.layer(l, sample).macs);
  }
  return macs;
}

Status Trainer::Predict() {
  if (batch_size() == 0) return Status::kNotInitialized;
  // The loss op runs too: an old label may be anything by now.
  std::memset(label_.data, 0, static_cast<size_t>(label_.bytes));
  return Invoke(0.0f) ? Status::kOk : Status::kInvokeFailed;
}

Status Trainer::ResetState() {
  if (batch_size() == 0) return Status::kNotInitialized;
  begins_stream_ = true;
  return Status::kOk;
}

Status Trainer::SetSchedule(const LearningRateSchedule& schedule) {
  const Status status = ResumeSchedule(schedule);
  if (status == Status::kOk) schedule_step_ = 0;
  return status;
}

Status Trainer::ResumeSchedule(const LearningRateSchedule& schedule) {
  if (batch_size() == 0) return Status::kNotInitialized;
  // A batch with one sample has its rate multiplied by the batch size.
  const auto batch = static_cast<float>(batch_size());
  if (!schedule.IsValid() || !IsFinite(schedule.peak * batch) || !IsFinite(schedule.final * batch)) {
    return Status::kBadArgument;
  }
  schedule_ = schedule;
  return Status::kOk;
}

Status Trainer::SetConfig(const Control& config) {
  if (batch_size() == 0) return Status::kNotInitialized;
  if (!config.IsValid()) return Status::kBadArgument;
  config_ = config;
  return Status::kOk;
}

LayerResult Trainer::Layer(int32_t l, int32_t sample) const {
  LayerResult result;
  if (l < 1 || sample < 0 || sample >= batch_size() || l > metadata_.layer_count()) return result;
  const LayerStatistics& row = statistics_.layer(l, sample);
  result.local_error = row.local_error;
  result.rate = row.rate;
  result.kept = static_cast<int32_t>(row.gradients_kept);
  result.gradients = metadata_.Layer(l).gradients;
  return result;
}

void Trainer::ResetStatistics() { totals_ = TrainingStatistics(); }

Span<const float> Trainer::Variable(int32_t index) const { return const_cast<Trainer*>(this)->Variable(index); }

Span<float> Trainer::Variable(int32_t index) {
  if (!metadata_.is_parsed() || index < 0 || index >= metadata_.variable_count()) return {};
  return graph_.output(graph_.context, metadata_.first_variable_output() + index).floats();
}

TrainingState Trainer::State() const {
  TrainingState state;
  state.fingerprint = metadata_.fingerprint();
  state.step = step_;
  state.schedule_step = schedule_step_;
  state.variable_count = metadata_.variable_count();
  state.context = const_cast<Trainer*>(this);  // a save only reads
  state.variable = [](void* context, int32_t index) { return static_cast<Trainer*>(context)->Variable(index); };
  return state;
}

// Of the running maxima, which are last, the next step replaces what is not finite.
bool Trainer::WeightsAreFinite() const {
  for (int32_t v = 0; v < metadata_.variable_count() - 1; ++v) {
    if (!AllFinite(Variable(v))) return false;
  }
  return true;
}

Status Trainer::Save(WeightStore* store) const {
  if (batch_size() == 0) return Status::kNotInitialized;
  return WeightsAreFinite() ? store->Save(State()) : Status::kWeightsNonFinite;
}

Status Trainer::SaveBegin(WeightStore* store) {
  if (batch_size() == 0) return Status::kNotInitialized;
  is_saving_ = false;
  if (!WeightsAreFinite()) return Status::kWeightsNonFinite;
  const Status status = store->SaveBegin(State());
  is_saving_ = status == Status::kOk;
  return status;
}

Status Trainer::SaveStep(WeightStore* store) {
  if (batch_size() == 0) return Status::kNotInitialized;
  return is_saving_ ? store->SaveStep(State()) : Status::kSaveInterrupted;
}

Status Trainer::Load(WeightStore* store) {
  if (batch_size() == 0) return Status::kNotInitialized;
  is_saving_ = false;
  TrainingState state = State();
  const Status status = store->Load(&state);
  if (status != Status::kOk && status != Status::kLoadInterrupted) return status;
  if (status == Status::kOk && WeightsAreFinite()) {
    step_ = state.step;
    schedule_step_ = state.schedule_step;
    begins_stream_ = true;
    return status;
  }
  const Status reset = Reset();
  if (reset != Status::kOk) return reset;
  return status == Status::kOk ? Status::kWeightsNonFinite : status;
}

Status Trainer::Reset() {
  if (batch_size() == 0) return Status::kNotInitialized;
  is_saving_ = false;
  step_ = 0;
  schedule_step_ = 0;
  return RestoreExportedWeights();
}

}  // namespace tinyprop
