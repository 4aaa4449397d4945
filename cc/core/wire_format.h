// Layout of everything that is stored or exchanged as bytes (SPEC.md). Written by `make generate` from
// python/tflm_tinyprop/format/tables.py: change that, not this.
#ifndef TINYPROP_CC_CORE_WIRE_FORMAT_H_
#define TINYPROP_CC_CORE_WIRE_FORMAT_H_

#include <cstddef>
#include <cstdint>

namespace tinyprop {

// All ops, in the order in which they are registered: TinyProp<name>, Register<name>().
#define TINYPROP_OPS(X)  \
  X(Initialize)          \
  X(SoftmaxCrossEntropy) \
  X(MeanSquaredError)    \
  X(BinaryCrossEntropy)  \
  X(MeanAbsoluteError)   \
  X(Huber)               \
  X(Decision)            \
  X(FullyConnectedGrad)  \
  X(Conv2DGrad)          \
  X(DepthwiseConv2DGrad) \
  X(TransposeConvGrad)   \
  X(AveragePool2DGrad)   \
  X(MaxPool2DGrad)       \
  X(ActivationGrad)      \
  X(SoftmaxGrad)         \
  X(ReduceMaxGrad)       \
  X(ScatterAdd)          \
  X(ResetState)

constexpr int kTinyPropOpCount = 18;

// What a training step did with a sample: elements of the gate.
enum class SampleStatus : int32_t {
  kSkipped = 0,  // D < threshold
  kTrained = 1,  // the only value that lets gradients through
  kNonFinite = 2,  // input, loss or a local error is not finite, or an update could overflow
  kInference = 3,  // the step does not train
};
constexpr int kSampleStatusCount = 4;

// Fused activations, with the values of ActivationFunctionType in TFLite's schema.
enum class Activation : uint8_t {
  kNone = 0,
  kRelu = 1,
  kReluN1To1 = 2,
  kRelu6 = 3,
};
constexpr int kActivationCount = 4;

// Activations that are ops of their own. The first ones are those above.
enum class ElementwiseActivation : uint8_t {
  kNone = 0,
  kRelu = 1,
  kReluN1To1 = 2,
  kRelu6 = 3,
  kLeakyRelu = 4,
  kTanh = 5,
  kLogistic = 6,
  kHardSwish = 7,
  kElu = 8,
};
constexpr int kElementwiseActivationCount = 9;

// Losses.
enum class LossKind : uint8_t {
  kSparseCategoricalCrossentropy = 0,
  kCategoricalCrossentropy = 1,
  kMeanSquaredError = 2,
  kBinaryCrossentropy = 3,
  kMeanAbsoluteError = 4,
  kHuber = 5,
};
constexpr int kLossKindCount = 6;

// What a label is.
enum class LabelKind : uint8_t {
  kClassIndex = 0,  // int32, one a sample
  kOneHot = 1,  // float32, a distribution over the classes
  kBinary = 2,  // float32 from 0 to 1, for each output by itself
  kTarget = 3,  // float32, the wanted output
};
constexpr int kLabelKindCount = 4;

// What a variable is.
enum class VariableRole : uint8_t {
  kKernel = 0,
  kBias = 1,
  kState = 2,
};
constexpr int kVariableRoleCount = 3;

// By LossKind.
constexpr const char* kLossNames[] = {
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "mean_squared_error",
    "binary_crossentropy",
    "mean_absolute_error",
    "huber",
};
constexpr LabelKind kLabelKinds[] = {
    LabelKind::kClassIndex,  // sparse_categorical_crossentropy
    LabelKind::kOneHot,  // categorical_crossentropy
    LabelKind::kTarget,  // mean_squared_error
    LabelKind::kBinary,  // binary_crossentropy
    LabelKind::kTarget,  // mean_absolute_error
    LabelKind::kTarget,  // huber
};

// Elements of the control tensor.
struct ControlFields {
  float learning_rate;
  float s_min;
  float s_max;
  float zeta;
  float d_min;
  float d_max;
  float threshold;
  float decay;
};
constexpr int32_t kControlSize = 8;
static_assert(sizeof(ControlFields) == kControlSize * sizeof(float), "no padding");
// Whether settings that are finite, and whose SettingSpans are, are valid (CONFIG_RULES in config.py).
constexpr bool KeepsRules(const ControlFields& c) {
  return 0.0f <= c.s_min && c.s_min <= c.s_max && c.s_max <= 1.0f && 0.0f <= c.zeta && c.d_min <= c.d_max &&
         0.0f < c.decay && c.decay <= 1.0f;
}
struct SettingSpans {
  float value[1];
};
constexpr SettingSpans SpansOf(const ControlFields& c) { return {{c.d_max - c.d_min}}; }

// Fields of the statistics tensor, row 0.
struct SampleStatistics {
  float status;  // status, as in the gate at the end of the step
  float decision;  // D
  float local_error;  // Y at the output
  float running_maximum;  // Y_max after the step
};
// Fields of the statistics tensor, row l >= 1.
struct LayerStatistics {
  float local_error;  // Y
  float rate;  // S
  float gradients_kept;  // k
  float macs;  // multiply-accumulates
};
constexpr int32_t kStatisticsFields = 4;
static_assert(sizeof(SampleStatistics) == kStatisticsFields * sizeof(float), "no padding");
static_assert(sizeof(LayerStatistics) == kStatisticsFields * sizeof(float), "no padding");

// Custom options of TinyPropFullyConnectedGrad.
struct LayerGradOptions {
  static constexpr uint8_t kSharesDecision = 1;
  static constexpr uint8_t kUpdatesWeights = 2;
  static constexpr uint8_t kUpdatesBias = 4;
  static constexpr uint8_t kOnlyUpdates = 16;
  static constexpr uint16_t kBytes[] = {6};  // of each version, from 1 on

  uint8_t fused_activation = 0;  // fused activation that delta still has to be masked by; 0 if the loss op has done it
  uint8_t flags = 0;  // flags
  uint16_t layer = 0;  // l, row of the statistics and of the state, >= 1
  uint16_t layers_above = 0;  // layers above
};
static_assert(offsetof(LayerGradOptions, fused_activation) == 0, "fused_activation");
static_assert(offsetof(LayerGradOptions, flags) == 1, "flags");
static_assert(offsetof(LayerGradOptions, layer) == 2, "layer");
static_assert(offsetof(LayerGradOptions, layers_above) == 4, "layers_above");
constexpr bool IsKnown(const LayerGradOptions& o) {
  return o.fused_activation <= 3 && (o.flags & ~23) == 0 && o.layer >= 1;
}

// Window, a part of custom options.
struct WindowOptions {
  static constexpr uint16_t kBytes[] = {12};  // of each version, from 1 on

  uint16_t stride_height = 1;  // stride of the height, >= 1
  uint16_t stride_width = 1;  // stride of the width, >= 1
  uint16_t dilation_height = 1;  // dilation of the height, >= 1
  uint16_t dilation_width = 1;  // dilation of the width, >= 1
  uint16_t pad_top = 0;  // padding above
  uint16_t pad_left = 0;  // padding to the left
};
static_assert(offsetof(WindowOptions, stride_height) == 0, "stride_height");
static_assert(offsetof(WindowOptions, stride_width) == 2, "stride_width");
static_assert(offsetof(WindowOptions, dilation_height) == 4, "dilation_height");
static_assert(offsetof(WindowOptions, dilation_width) == 6, "dilation_width");
static_assert(offsetof(WindowOptions, pad_top) == 8, "pad_top");
static_assert(offsetof(WindowOptions, pad_left) == 10, "pad_left");
constexpr bool IsKnown(const WindowOptions& o) {
  return o.stride_height >= 1 && o.stride_width >= 1 && o.dilation_height >= 1 && o.dilation_width >= 1;
}

// Custom options of TinyPropInitialize.
struct InitializeOptions {
  static constexpr uint16_t kBytes[] = {4};  // of each version, from 1 on

  uint16_t model_inputs = 0;  // N, model inputs
  uint16_t variables = 0;  // V, pairs
};
static_assert(offsetof(InitializeOptions, model_inputs) == 0, "model_inputs");
static_assert(offsetof(InitializeOptions, variables) == 2, "variables");
constexpr bool IsKnown(const InitializeOptions&) { return true; }

// Custom options of TinyPropSoftmaxCrossEntropy, TinyPropMeanSquaredError, TinyPropBinaryCrossEntropy,
// TinyPropMeanAbsoluteError, TinyPropHuber.
struct LossOptions {
  static constexpr uint16_t kBytes[] = {2, 12};  // of each version, from 1 on

  uint8_t label_kind = 0;  // label kind: 0 class index, 1 same shape as input 0; only softmax cross entropy takes 0
  uint8_t fused_activation = 0;  // fused activation of the output layer, before which delta is taken; 0 if there is none
  uint8_t reserved[2] = {};
  float label_smoothing = 0.0f;  // label smoothing of a cross entropy, in [0, 1]
  float delta = 1.0f;  // delta of the Huber loss, >= 0
};
static_assert(offsetof(LossOptions, label_kind) == 0, "label_kind");
static_assert(offsetof(LossOptions, fused_activation) == 1, "fused_activation");
static_assert(offsetof(LossOptions, reserved) == 2, "reserved");
static_assert(offsetof(LossOptions, label_smoothing) == 4, "label_smoothing");
static_assert(offsetof(LossOptions, delta) == 8, "delta");
constexpr bool IsKnown(const LossOptions& o) {
  return o.label_kind <= 1 && o.fused_activation <= 3 && o.label_smoothing >= 0 && o.label_smoothing <= 1 &&
         o.delta >= 0;
}

// Custom options of TinyPropDecision.
struct DecisionOptions {
  static constexpr uint16_t kBytes[] = {0, 4};  // of each version, from 1 on

  float bound = 0.0f;  // bound of the running maximum, >= 0; 0 for none
};
static_assert(offsetof(DecisionOptions, bound) == 0, "bound");
constexpr bool IsKnown(const DecisionOptions& o) {
  return o.bound >= 0;
}

// Custom options of TinyPropConv2DGrad, TinyPropDepthwiseConv2DGrad, TinyPropTransposeConvGrad.
struct ConvGradOptions {
  static constexpr uint16_t kBytes[] = {18};  // of each version, from 1 on

  LayerGradOptions layer;
  WindowOptions window;
};
static_assert(offsetof(ConvGradOptions, layer) == 0, "layer");
static_assert(offsetof(ConvGradOptions, window) == 6, "window");
constexpr bool IsKnown(const ConvGradOptions& o) {
  return IsKnown(o.layer) && IsKnown(o.window);
}

// Custom options of TinyPropAveragePool2DGrad, TinyPropMaxPool2DGrad.
struct PoolGradOptions {
  static constexpr uint16_t kBytes[] = {16};  // of each version, from 1 on

  uint16_t filter_height = 1;  // height of the filter, >= 1
  uint16_t filter_width = 1;  // width of the filter, >= 1
  WindowOptions window;
};
static_assert(offsetof(PoolGradOptions, filter_height) == 0, "filter_height");
static_assert(offsetof(PoolGradOptions, filter_width) == 2, "filter_width");
static_assert(offsetof(PoolGradOptions, window) == 4, "window");
constexpr bool IsKnown(const PoolGradOptions& o) {
  return o.filter_height >= 1 && o.filter_width >= 1 && IsKnown(o.window);
}

// Custom options of TinyPropActivationGrad.
struct ActivationGradOptions {
  static constexpr uint16_t kBytes[] = {8};  // of each version, from 1 on

  uint8_t kind = 0;  // kind: 0 to 3 as fused activations; 4 LEAKY_RELU, 5 TANH, 6 LOGISTIC, 7 HARD_SWISH, 8 ELU
  uint8_t reserved[3] = {};
  float slope = 0.0f;  // slope of LEAKY_RELU for negative x, else 0
};
static_assert(offsetof(ActivationGradOptions, kind) == 0, "kind");
static_assert(offsetof(ActivationGradOptions, reserved) == 1, "reserved");
static_assert(offsetof(ActivationGradOptions, slope) == 4, "slope");
constexpr bool IsKnown(const ActivationGradOptions& o) {
  return o.kind <= 8;
}

// Custom options of TinyPropSoftmaxGrad.
struct SoftmaxGradOptions {
  static constexpr uint16_t kBytes[] = {4};  // of each version, from 1 on

  float beta = 1.0f;  // beta
};
static_assert(offsetof(SoftmaxGradOptions, beta) == 0, "beta");
constexpr bool IsKnown(const SoftmaxGradOptions&) { return true; }

// Custom options of TinyPropReduceMaxGrad.
struct ReduceGradOptions {
  static constexpr uint16_t kBytes[] = {2};  // of each version, from 1 on

  uint8_t first_axis = 0;  // first of the reduced axes of the input
  uint8_t axes = 1;  // how many axes side by side are reduced, >= 1
};
static_assert(offsetof(ReduceGradOptions, first_axis) == 0, "first_axis");
static_assert(offsetof(ReduceGradOptions, axes) == 1, "axes");
constexpr bool IsKnown(const ReduceGradOptions& o) {
  return o.axes >= 1;
}

// Custom options of TinyPropScatterAdd.
struct ScatterAddOptions {
  static constexpr uint16_t kBytes[] = {2};  // of each version, from 1 on

  uint16_t axis = 0;  // axis in which delta and input delta differ
};
static_assert(offsetof(ScatterAddOptions, axis) == 0, "axis");
constexpr bool IsKnown(const ScatterAddOptions&) { return true; }

// Custom options of TinyPropResetState.
struct ResetStateOptions {
  static constexpr uint16_t kBytes[] = {4};  // of each version, from 1 on

  uint16_t states = 1;  // Z, >= 1
  uint16_t on_request = 0;  // 0: state is reset in every invoke; 1: in those in which the request says so
};
static_assert(offsetof(ResetStateOptions, states) == 0, "states");
static_assert(offsetof(ResetStateOptions, on_request) == 2, "on_request");
constexpr bool IsKnown(const ResetStateOptions& o) {
  return o.states >= 1 && o.on_request <= 1;
}

// Offsets into the metadata entry TINYPROP and its records, by type: flatbuffers align neither.
namespace wire {

enum class U8 : int32_t {};
enum class U16 : int32_t {};
enum class U32 : int32_t {};
enum class U64 : int32_t {};
enum class F32 : int32_t {};

template <typename Field>
constexpr int32_t Offset(Field field) {
  return static_cast<int32_t>(field);
}

struct MetadataHeader {
  static constexpr uint32_t kLatestVersion = 3;
  static constexpr int32_t kBytes[] = {84, 88, 110};  // of each version, from 1 on

  static constexpr char kMagic[] = "TPRP";  // at 0
  static constexpr U16 kVersion{4};
  static constexpr U16 kHeaderSize{6};
  static constexpr U32 kSize{8};
  static constexpr U32 kFingerprint{12};
  static constexpr U16 kBatchSize{16};
  static constexpr U8 kLoss{18};
  static constexpr U16 kLayers{20};
  static constexpr U16 kVariables{22};
  static constexpr U16 kModelInputs{24};
  static constexpr U16 kModelOutputs{26};
  static constexpr U16 kLabelInput{28};
  static constexpr U16 kControlInput{30};
  static constexpr U16 kLossOutput{32};
  static constexpr U16 kStatisticsOutput{34};
  static constexpr U16 kFirstVariableOutput{36};
  static constexpr U32 kOriginalTensors{40};
  static constexpr U64 kForwardMacs{44};
  static constexpr F32 kConfig{52};
  static constexpr U16 kLayerRecordSize{84};
  static constexpr U16 kVariableRecordSize{86};
  static constexpr U32 kCrc{88};
  static constexpr U16 kModelState{92};
  static constexpr U16 kResetStateInput{94};
  static constexpr F32 kLabelSmoothing{96};
  static constexpr F32 kDelta{100};
  static constexpr F32 kOutputThreshold{104};
  static constexpr U16 kOutput{108};
};

struct LayerRecordLayout {
  static constexpr uint32_t kLatestVersion = 1;
  static constexpr int32_t kBytes[] = {24};  // of each version, from 1 on

  static constexpr U32 kOperator{0};
  static constexpr U32 kGradients{4};
  static constexpr U32 kUpdateMacs{8};
  static constexpr U32 kHandDownMacs{12};
  static constexpr U32 kNameOffset{16};
  static constexpr U16 kFlags{20};
};

struct VariableRecordLayout {
  static constexpr uint32_t kLatestVersion = 1;
  static constexpr int32_t kBytes[] = {16};  // of each version, from 1 on

  static constexpr U32 kInitial{0};
  static constexpr U32 kVariable{4};
  static constexpr U32 kElements{8};
  static constexpr U16 kLayer{12};
  static constexpr U16 kRole{14};
};

}  // namespace wire

// A weight record begins with this header, copied as it lies in memory.
struct RecordHeader {
  uint32_t magic;
  uint16_t version;
  uint16_t header_size;
  uint32_t fingerprint;
  uint32_t sequence;
  uint32_t step;
  uint32_t schedule_step;
  uint32_t variable_count;
  uint32_t data_bytes;
};
static_assert(offsetof(RecordHeader, magic) == 0, "magic");
static_assert(offsetof(RecordHeader, version) == 4, "version");
static_assert(offsetof(RecordHeader, header_size) == 6, "header_size");
static_assert(offsetof(RecordHeader, fingerprint) == 8, "fingerprint");
static_assert(offsetof(RecordHeader, sequence) == 12, "sequence");
static_assert(offsetof(RecordHeader, step) == 16, "step");
static_assert(offsetof(RecordHeader, schedule_step) == 20, "schedule_step");
static_assert(offsetof(RecordHeader, variable_count) == 24, "variable_count");
static_assert(offsetof(RecordHeader, data_bytes) == 28, "data_bytes");
constexpr uint32_t kRecordMagic = 0x52575054;  // "TPWR"
constexpr uint16_t kRecordVersion = 2;

}  // namespace tinyprop

#endif  // TINYPROP_CC_CORE_WIRE_FORMAT_H_
