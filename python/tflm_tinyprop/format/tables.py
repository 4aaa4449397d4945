"""Every binary layout of the project, stated once (layout.py says how structs are described and how they grow).

After a change run `make generate`: it writes the C++ header cc/core/wire_format.h, the tables in SPEC.md and the test
vectors that Python and C++ read. A test fails where they are not up to date.
"""

from __future__ import annotations

import dataclasses

from tflm_tinyprop.config import CONTROL_FIELDS
from tflm_tinyprop.format.layout import Field, Group, Struct
from tflm_tinyprop.format.losses import LOSS_NAMES, LOSSES

# Values of ActivationFunctionType in the schema that have a gradient.
ACTIVATIONS = ("none", "relu", "relu_n1_to_1", "relu6")
# Those and the ones that are ops of their own.
ELEMENTWISE_ACTIVATIONS = (*ACTIVATIONS, "leaky_relu", "tanh", "logistic", "hard_swish", "elu")

# What becomes of the state that the model's own ops keep from one invoke to the next.
MODEL_STATES = ("none", "reset before every sample", "kept")

# Roles of variables.
ROLES = ("kernel", "bias", "state")

SHARES_DECISION, UPDATES_WEIGHTS, UPDATES_BIAS, KERAS_LAYER, ONLY_UPDATES = 1, 2, 4, 8, 16
LAYER_GRAD_FLAGS = {SHARES_DECISION: "shares_decision", UPDATES_WEIGHTS: "updates_weights", UPDATES_BIAS: "updates_bias",
                    ONLY_UPDATES: "only_updates"}

# Custom options ---------------------------------------------------------------------------------------------

# In front of every op's options; `size` counts these bytes too.
OPTIONS_HEADER = Struct("OptionsHeader", "Header of custom options", (
    Field("version", "u16", "version"),
    Field("size", "u16", "size of header and options"),
))

INITIALIZE = Struct("InitializeOptions", "Options", (
    Field("model_inputs", "u16", "N, model inputs"),
    Field("variables", "u16", "V, pairs"),
))

LOSS = Struct("LossOptions", "Options", (
    Field("label_kind", "u8", "label kind: 0 class index, 1 same shape as input 0; only softmax cross entropy takes 0", highest=1),
    Field("fused_activation", "u8", "fused activation of the output layer, before which delta is taken; 0 if there is none",
          highest=len(ACTIVATIONS) - 1),
    Field(None, "u8", "reserved", count=2, since=2),
    Field("label_smoothing", "f32", "label smoothing of a cross entropy, in [0, 1]", since=2, lowest=0, highest=1),
    Field("delta", "f32", "delta of the Huber loss, >= 0", since=2, default=1, lowest=0),
))

DECISION = Struct("DecisionOptions", "Options", (
    Field("bound", "f32", "bound of the running maximum, >= 0; 0 for none", since=2, lowest=0),
))

LAYER_GRAD = Struct("LayerGradOptions", "Options", (
    Field("fused_activation", "u8", "fused activation that delta still has to be masked by; 0 if the loss op has done it",
          highest=len(ACTIVATIONS) - 1),
    Field("flags", "u8", "flags", flags=LAYER_GRAD_FLAGS),
    Field("layer", "u16", "l, row of the statistics and of the state, >= 1", lowest=1),
    Field("layers_above", "u16", "layers above"),
))

WINDOW = Struct("WindowOptions", "Window", (
    Field("stride_height", "u16", "stride of the height, >= 1", lowest=1, default=1),
    Field("stride_width", "u16", "stride of the width, >= 1", lowest=1, default=1),
    Field("dilation_height", "u16", "dilation of the height, >= 1", lowest=1, default=1),
    Field("dilation_width", "u16", "dilation of the width, >= 1", lowest=1, default=1),
    Field("pad_top", "u16", "padding above"),
    Field("pad_left", "u16", "padding to the left"),
))

CONV_GRAD = Struct("ConvGradOptions", "Options", (Group("layer", LAYER_GRAD), Group("window", WINDOW)))

POOL_GRAD = Struct("PoolGradOptions", "Options", (
    Field("filter_height", "u16", "height of the filter, >= 1", lowest=1, default=1),
    Field("filter_width", "u16", "width of the filter, >= 1", lowest=1, default=1),
    Group("window", WINDOW),
))

ACTIVATION_GRAD = Struct("ActivationGradOptions", "Options", (
    Field("kind", "u8", "kind: 0 to 3 as fused activations; 4 LEAKY_RELU, 5 TANH, 6 LOGISTIC, 7 HARD_SWISH, 8 ELU",
          highest=len(ELEMENTWISE_ACTIVATIONS) - 1),
    Field(None, "u8", "reserved", count=3),
    Field("slope", "f32", "slope of LEAKY_RELU for negative x, else 0"),
))

SOFTMAX_GRAD = Struct("SoftmaxGradOptions", "Options", (Field("beta", "f32", "beta", default=1),))

REDUCE_GRAD = Struct("ReduceGradOptions", "Options", (
    Field("first_axis", "u8", "first of the reduced axes of the input"),
    Field("axes", "u8", "how many axes side by side are reduced, >= 1", lowest=1, default=1),
))

RESET_STATE = Struct("ResetStateOptions", "Options", (
    Field("states", "u16", "Z, >= 1", lowest=1, default=1),
    Field("on_request", "u16", "0: state is reset in every invoke; 1: in those in which the request says so", highest=1),
))

SCATTER_ADD = Struct("ScatterAddOptions", "Options", (Field("axis", "u16", "axis in which delta and input delta differ"),))


@dataclasses.dataclass(frozen=True)
class CustomOp:
    """A TinyProp op: `name` without its prefix, and the struct of its options."""

    name: str
    options: Struct

    @property
    def kind(self) -> str:
        """Its custom code in the flatbuffer."""
        return f"TinyProp{self.name}"


# In the order in which firmware registers them.
OPS = (
    CustomOp("Initialize", INITIALIZE),
    CustomOp("SoftmaxCrossEntropy", LOSS),
    CustomOp("MeanSquaredError", LOSS),
    CustomOp("BinaryCrossEntropy", LOSS),
    CustomOp("MeanAbsoluteError", LOSS),
    CustomOp("Huber", LOSS),
    CustomOp("Decision", DECISION),
    CustomOp("FullyConnectedGrad", LAYER_GRAD),
    CustomOp("Conv2DGrad", CONV_GRAD),
    CustomOp("DepthwiseConv2DGrad", CONV_GRAD),
    CustomOp("TransposeConvGrad", CONV_GRAD),
    CustomOp("AveragePool2DGrad", POOL_GRAD),
    CustomOp("MaxPool2DGrad", POOL_GRAD),
    CustomOp("ActivationGrad", ACTIVATION_GRAD),
    CustomOp("SoftmaxGrad", SOFTMAX_GRAD),
    CustomOp("ReduceMaxGrad", REDUCE_GRAD),
    CustomOp("ScatterAdd", SCATTER_ADD),
    CustomOp("ResetState", RESET_STATE),
)

# Tensors ----------------------------------------------------------------------------------------------------

_CONTROL_TEXTS = {
    "learning_rate": "training if > 0 and finite; else inference",
    "d_min": "multiplied by beta beforehand",
    "d_max": "multiplied by beta beforehand",
}
CONTROL = Struct("ControlFields", "Control", tuple(Field(name, "f32", _CONTROL_TEXTS.get(name, "")) for name in CONTROL_FIELDS))

SAMPLE_STATISTICS = Struct("SampleStatistics", "row 0", (
    Field("status", "f32", "status, as in the gate at the end of the step"),
    Field("decision", "f32", "D"),
    Field("local_error", "f32", "Y at the output"),
    Field("running_maximum", "f32", "Y_max after the step"),
))
LAYER_STATISTICS = Struct("LayerStatistics", "row l >= 1", (
    Field("local_error", "f32", "Y"),
    Field("rate", "f32", "S"),
    Field("gradients_kept", "f32", "k"),
    Field("macs", "f32", "multiply-accumulates"),
))

# Metadata entry ---------------------------------------------------------------------------------------------

METADATA_MAGIC = b"TPRP"
LAYER_RECORD = Struct("LayerRecordLayout", "Layer record", (
    Field("operator", "u32", "index of the forward op among all ops of the subgraph"),
    Field("gradients", "u32", "n"),
    Field("update_macs", "u32", "multiply-accumulates of the update per gradient kept; 0 if the kernel is frozen"),
    Field("hand_down_macs", "u32",
          "multiply-accumulates of handing down per gradient kept; 0 if nothing is handed down"),
    Field("name_offset", "u32", "offset of the layer's name from the beginning of the names"),
    Field("flags", "u16", "flags 2 and 4 of the gradient op; 8 (KERAS_LAYER): kernel and bias are those of the Keras layer of "
                          "this name"),
    Field(None, "u16", "reserved"),
))
VARIABLE_RECORD = Struct("VariableRecordLayout", "Variable record", (
    Field("initial", "u32", "tensor index of the constant with the initial value"),
    Field("variable", "u32", "tensor index of the variable"),
    Field("elements", "u32", "elements"),
    Field("layer", "u16", "l; 0 for the state"),
    Field("role", "u16", f"role: {', '.join(f'{code} {name}' for code, name in enumerate(ROLES))}"),
))
METADATA_HEADER = Struct("MetadataHeader", "Header", (
    Field("magic", "bytes", "`TPRP`", count=4),
    Field("version", "u16", "version"),
    Field("header_size", "u16", "header size"),
    Field("size", "u32", "size of the whole entry"),
    Field("fingerprint", "u32", "fingerprint"),
    Field("batch_size", "u16", "B, >= 1", lowest=1),
    Field("loss", "u8", f"loss: {', '.join(f'{code} `{name}`' for code, name in enumerate(LOSS_NAMES))}", highest=len(LOSSES) - 1),
    Field(None, "u8", "reserved"),
    Field("layers", "u16", "L, layer records"),
    Field("variables", "u16", "V, variable records"),
    Field("model_inputs", "u16", "N, inputs of the ordinary model"),
    Field("model_outputs", "u16", "M, outputs of the ordinary model"),
    Field("label_input", "u16", "position of the label among the graph's inputs"),
    Field("control_input", "u16", "position of control among the graph's inputs"),
    Field("loss_output", "u16", "position of the loss among the graph's outputs"),
    Field("statistics_output", "u16", "position of the statistics among the graph's outputs"),
    Field("first_variable_output", "u16",
          "position of the first variable among the graph's outputs; the others follow in record order"),
    Field(None, "u16", "reserved"),
    Field("original_tensors", "u32", "tensors of the ordinary model; those with higher indices were added"),
    Field("forward_macs", "u64", "multiply-accumulates of the forward pass of one sample"),
    Field("config", "f32", "default configuration, laid out as control, learning rate 0", count=len(CONTROL_FIELDS)),
    # So that records may grow as the header does.
    Field("layer_record_size", "u16", "bytes of a layer record", since=2, default=LAYER_RECORD.size(1)),
    Field("variable_record_size", "u16", "bytes of a variable record", since=2, default=VARIABLE_RECORD.size(1)),
    Field("crc", "u32", "CRC-32 (as in zlib) over the whole entry with zeros in this place", since=3),
    Field("model_state", "u16",
          f"state of the model's own ops: {', '.join(f'{code} {name}' for code, name in enumerate(MODEL_STATES))}",
          since=3, highest=len(MODEL_STATES) - 1),
    Field("reset_state_input", "u16",
          "position of the request for a reset of that state among the graph's inputs; 0 unless it is kept", since=3),
    Field("label_smoothing", "f32", "label smoothing of a cross entropy", since=3),
    Field("delta", "f32", "delta of the Huber loss", since=3, default=1),
    Field("output_threshold", "f32", "of `binary_crossentropy`: an output above it stands for label 1", since=3, default=0.5),
    Field("output", "u16", "position of the output that the loss is taken on, or that follows from what it is taken on, < M", since=3),
))

# Weight record ----------------------------------------------------------------------------------------------

WEIGHT_MAGIC = b"TPWR"
WEIGHT_HEADER = Struct("RecordHeader", "Header", (
    Field("magic", "bytes", "`TPWR`", count=4),
    Field("version", "u16", "version"),
    Field("header_size", "u16", "header size"),
    Field("fingerprint", "u32", "fingerprint of the model"),
    Field("sequence", "u32", "sequence number; files written by Trainer.save_weights have 1"),
    Field("step", "u32", "training steps done"),
    Field("schedule_step", "u32", "position in the learning rate schedule", since=2),
), tail=(
    Field("variable_count", "u32", "V, variables"),
    Field("data_bytes", "u32", "bytes of data = 4 E"),
))
