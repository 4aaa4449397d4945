"""Which calls register a model's ops with TFLM's MicroMutableOpResolver."""

from __future__ import annotations

import dataclasses

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph

# Builtin op -> method without "Add", of tensorflow/lite/micro/micro_mutable_op_resolver.h. An op that is not here
# has no kernel in TFLM.
BUILTIN_METHODS = {
    "ABS": "Abs", "ADD": "Add", "ADD_N": "AddN", "ARG_MAX": "ArgMax", "ARG_MIN": "ArgMin",
    "ASSIGN_VARIABLE": "AssignVariable", "AVERAGE_POOL_2D": "AveragePool2D", "BATCH_MATMUL": "BatchMatMul",
    "BATCH_TO_SPACE_ND": "BatchToSpaceNd", "BROADCAST_ARGS": "BroadcastArgs", "BROADCAST_TO": "BroadcastTo",
    "CALL_ONCE": "CallOnce", "CAST": "Cast", "CEIL": "Ceil", "CONCATENATION": "Concatenation", "CONV_2D": "Conv2D",
    "COS": "Cos", "CUMSUM": "CumSum", "DEPTH_TO_SPACE": "DepthToSpace", "DEPTHWISE_CONV_2D": "DepthwiseConv2D",
    "DEQUANTIZE": "Dequantize", "DIV": "Div", "DYNAMIC_UPDATE_SLICE": "DynamicUpdateSlice", "ELU": "Elu",
    "EMBEDDING_LOOKUP": "EmbeddingLookup", "EQUAL": "Equal", "EXP": "Exp", "EXPAND_DIMS": "ExpandDims",
    "FILL": "Fill", "FLOOR": "Floor", "FLOOR_DIV": "FloorDiv", "FLOOR_MOD": "FloorMod",
    "FULLY_CONNECTED": "FullyConnected", "GATHER": "Gather", "GATHER_ND": "GatherNd", "GREATER": "Greater",
    "GREATER_EQUAL": "GreaterEqual", "HARD_SWISH": "HardSwish", "IF": "If", "L2_NORMALIZATION": "L2Normalization",
    "L2_POOL_2D": "L2Pool2D", "LEAKY_RELU": "LeakyRelu", "LESS": "Less", "LESS_EQUAL": "LessEqual", "LOG": "Log",
    "LOG_SOFTMAX": "LogSoftmax", "LOGICAL_AND": "LogicalAnd", "LOGICAL_NOT": "LogicalNot",
    "LOGICAL_OR": "LogicalOr", "LOGISTIC": "Logistic", "MAX_POOL_2D": "MaxPool2D", "MAXIMUM": "Maximum",
    "MEAN": "Mean", "MINIMUM": "Minimum", "MIRROR_PAD": "MirrorPad", "MUL": "Mul", "NEG": "Neg",
    "NOT_EQUAL": "NotEqual", "PACK": "Pack", "PAD": "Pad", "PADV2": "PadV2", "PRELU": "Prelu",
    "QUANTIZE": "Quantize", "READ_VARIABLE": "ReadVariable", "REDUCE_ALL": "ReduceAll", "REDUCE_MAX": "ReduceMax",
    "REDUCE_MIN": "ReduceMin", "RELU": "Relu", "RELU6": "Relu6", "RESHAPE": "Reshape",
    "RESIZE_BILINEAR": "ResizeBilinear", "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighbor",
    "REVERSE_V2": "ReverseV2", "ROUND": "Round", "RSQRT": "Rsqrt", "SELECT_V2": "SelectV2", "SHAPE": "Shape",
    "SIN": "Sin", "SLICE": "Slice", "SOFTMAX": "Softmax", "SPACE_TO_BATCH_ND": "SpaceToBatchNd",
    "SPACE_TO_DEPTH": "SpaceToDepth", "SPLIT": "Split", "SPLIT_V": "SplitV", "SQRT": "Sqrt", "SQUARE": "Square",
    "SQUARED_DIFFERENCE": "SquaredDifference", "SQUEEZE": "Squeeze", "STRIDED_SLICE": "StridedSlice", "SUB": "Sub",
    "SUM": "Sum", "SVDF": "Svdf", "TANH": "Tanh", "TRANSPOSE": "Transpose", "TRANSPOSE_CONV": "TransposeConv",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM", "UNPACK": "Unpack", "VAR_HANDLE": "VarHandle",
    "WHILE": "While", "ZEROS_LIKE": "ZerosLike",
}
# The same for the custom ops that TFLM brings itself.
CUSTOM_METHODS = {
    "CIRCULAR_BUFFER": "CircularBuffer", "ethos-u": "EthosU", "SignalDelay": "Delay", "SignalEnergy": "Energy",
    "SignalFftAutoScale": "FftAutoScale", "SignalFilterBank": "FilterBank", "SignalFilterBankLog": "FilterBankLog",
    "SignalFilterBankSpectralSubtraction": "FilterBankSpectralSubtraction",
    "SignalFilterBankSquareRoot": "FilterBankSquareRoot", "SignalFramer": "Framer", "SignalIrfft": "Irfft",
    "SignalOverlapAdd": "OverlapAdd", "SignalPCAN": "PCAN", "SignalRfft": "Rfft", "SignalStacker": "Stacker",
    "SignalWindow": "Window", "TFLite_Detection_PostProcess": "DetectionPostprocess", "TFLM_DECODE": "Decode",
}
# TinyProp op -> function of cc/tflm/registrations.h.
REGISTRATIONS = {op: op.replace("TinyProp", "Register") for op in options.OPTIONS_OF_OP}


@dataclasses.dataclass(frozen=True)
class NeededOps:
    """What a resolver has to register, each sorted by name."""

    methods: tuple[str, ...]  # of the resolver
    registrations: tuple[str, ...]  # functions that return the registration of a TinyProp op

    @property
    def count(self) -> int:
        return len(self.methods) + len(self.registrations)


def needed_ops(graph: Graph, source: str = "the model") -> NeededOps:
    """The ops of the graph, each once. Raises ModelError for one that no firmware can register."""
    methods, registrations = set(), set()
    for op in (op for part in (graph, *graph.subgraphs) for op in part.ops):
        if op.is_custom and op.kind in REGISTRATIONS:
            registrations.add(REGISTRATIONS[op.kind])
            continue
        method = (CUSTOM_METHODS if op.is_custom else BUILTIN_METHODS).get(op.kind)
        if method is None:
            raise ModelError(_no_method(op.kind, op.is_custom, source))
        methods.add(f"Add{method}")
    return NeededOps(tuple(sorted(methods)), tuple(sorted(registrations)))


def _no_method(kind: str, is_custom: bool, source: str) -> str:
    if is_custom:
        return (f"{source} has the custom op {kind}, which neither TFLM nor tflm_tinyprop brings; replace the layer it "
                "comes from, or write the firmware by hand and register your own kernel with AddCustom")
    return (f"{source} has the op {kind}, for which TFLM's MicroMutableOpResolver has no method; replace the layer it "
            "comes from by one of ops that TFLM has")
