"""A .tflite flatbuffer as plain Python values, and back.

This is the only module that knows the flatbuffer schema. Reading checks everything the rest of the
package (and TFLM, which verifies nothing) relies on; writing aligns constant data to 16 bytes, as the
schema demands and Python's generated code does not do.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np

from tflm_tinyprop.errors import HostError, ModelError
from tflm_tinyprop.format.check import check_graph, size_of

# Where the wheel keeps the schema: the second place from October 2026 on.
_SCHEMA_MODULES = (
    "tflite_micro.tensorflow.lite.python.schema_py_generated",
    "tflite_micro.tensorflow.lite.micro.python.schema_py_generated",
)


def _import_schema():
    for name in _SCHEMA_MODULES:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not error.name or not name.startswith(error.name):
                raise HostError(f"tflite-micro cannot be imported: {error}; run `tinyprop doctor`") from error
    raise HostError("tflite-micro is not installed, or has no schema module; run `tinyprop doctor`")


schema = _import_schema()

FILE_IDENTIFIER = b"TFL3"
ALIGNMENT = 16
_MOST_SUBGRAPHS = 3

_DTYPES = {
    schema.TensorType.FLOAT32: np.dtype(np.float32),
    schema.TensorType.FLOAT16: np.dtype(np.float16),
    schema.TensorType.FLOAT64: np.dtype(np.float64),
    schema.TensorType.INT8: np.dtype(np.int8),
    schema.TensorType.UINT8: np.dtype(np.uint8),
    schema.TensorType.INT16: np.dtype(np.int16),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT64: np.dtype(np.int64),
    schema.TensorType.UINT32: np.dtype(np.uint32),
    schema.TensorType.UINT64: np.dtype(np.uint64),
    schema.TensorType.BOOL: np.dtype(np.bool_),
}
_TYPE_CODES = {dtype: code for code, dtype in _DTYPES.items()}

_OP_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}
_OP_CODES = {name: code for code, name in _OP_NAMES.items()}
_DEPRECATED_CODE_MAX = 127


_OPTION_NAMES = {code: name for name, code in vars(schema.BuiltinOptions).items() if not name.startswith("_")}
# Kinds of ops whose options are called otherwise than they are.
_OPTIONS_OF_KIND = {
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), "Pool2DOptions"),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_ANY", "REDUCE_ALL"), "ReducerOptions"),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), "MaximumMinimumOptions"),
    "L2_NORMALIZATION": "L2NormOptions",
    **{kind: name for kind in _OP_CODES for name in _OPTION_NAMES.values()
       if name.lower() == kind.replace("_", "").lower() + "options"},
}


@dataclasses.dataclass(eq=False)
class Tensor:
    """A tensor. ``data`` is a flat uint8 array for a constant, else None.

    ``dtype`` is None for the types that have no NumPy counterpart (strings, resources, 4-bit).
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype | None
    data: np.ndarray | None = None
    is_variable: bool = False
    raw: Any = None  # the schema's TensorT, for the fields this class does not show

    @property
    def size(self) -> int:
        """Number of elements."""
        return size_of(self.shape)

    @property
    def nbytes(self) -> int:
        return size_of(self.shape, self.dtype.itemsize if self.dtype is not None else 0)

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def is_quantized(self) -> bool:
        quantization = getattr(self.raw, "quantization", None)
        return quantization is not None and _length(quantization.scale) > 0

    def array(self) -> np.ndarray:
        """The constant's values in its shape (a view)."""
        return self.data.view(self.dtype).reshape(self.shape)

    def set_array(self, values: np.ndarray) -> None:
        """Replaces the constant's values; the shape and type stay."""
        values = np.ascontiguousarray(values, dtype=self.dtype)
        if values.shape != self.shape:
            raise ModelError(f"tensor '{self.name}' has shape {self.shape}, got {values.shape}")
        self.data = values.reshape(-1).view(np.uint8).copy()


@dataclasses.dataclass(eq=False)
class Op:
    """An operator. ``kind`` is the builtin's name (``FULLY_CONNECTED``) or a custom op's name."""

    kind: str
    inputs: list[int]  # -1: an optional input left out
    outputs: list[int]
    is_custom: bool = False
    version: int = 1
    custom_options: bytes = b""
    raw: Any = None  # the schema's OperatorT with the builtin options

    @property
    def options(self):
        """The builtin options object of the schema, or None."""
        return getattr(self.raw, "builtinOptions", None)


@dataclasses.dataclass(eq=False)
class Graph:
    """Subgraph 0 of a model, with the model's metadata.

    subgraphs: the others, from 1 on: those that set resource variables (resource_variables.py). They have neither metadata nor
    subgraphs of their own.
    """

    tensors: list[Tensor]
    ops: list[Op]
    inputs: list[int]
    outputs: list[int]
    name: str = "main"
    description: str = ""
    metadata: dict[str, bytes] = dataclasses.field(default_factory=dict)
    signature_defs: Any = None
    subgraphs: list[Graph] = dataclasses.field(default_factory=list)

    def copy(self) -> Graph:
        """A copy whose tensors and ops may be replaced or reordered; constant data is shared."""
        return dataclasses.replace(
            self,
            tensors=[copy.copy(t) for t in self.tensors],
            ops=[dataclasses.replace(o, inputs=list(o.inputs), outputs=list(o.outputs))
                 for o in self.ops],
            inputs=list(self.inputs),
            outputs=list(self.outputs),
            metadata=dict(self.metadata),
            subgraphs=list(self.subgraphs),
        )

    def add_tensor(self, tensor: Tensor) -> int:
        """Appends a tensor and returns its index; existing indices never change."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_constant(self, name: str, values: np.ndarray) -> int:
        """Appends a constant and returns its index."""
        values = np.asarray(values, order="C")
        return self.add_tensor(Tensor(name, values.shape, values.dtype, values.reshape(-1).view(np.uint8).copy()))

    def drop_unused_tensors(self) -> dict[int, int]:
        """Removes tensors that nothing reads or writes, in place: each costs RAM on the device, and a constant flash.

        Returns the new index of every tensor that is kept.
        """
        signatures = copy.deepcopy(self.signature_defs or [])
        entries = [entry for signature in signatures for entry in (*(signature.inputs or []), *(signature.outputs or []))]
        used = {*self.inputs, *self.outputs, *(t for op in self.ops for t in (*op.inputs, *op.outputs)),
                *(int(entry.tensorIndex) for entry in entries)}
        kept = {old: new for new, old in enumerate(sorted(used - {-1}))}
        self.tensors = [self.tensors[t] for t in kept]
        self.inputs, self.outputs = [kept[t] for t in self.inputs], [kept[t] for t in self.outputs]
        for op in self.ops:
            op.inputs, op.outputs = [kept.get(t, -1) for t in op.inputs], [kept[t] for t in op.outputs]
        for entry in entries:
            entry.tensorIndex = kept[int(entry.tensorIndex)]
        self.signature_defs = signatures or None
        return kept

    def producers(self) -> dict[int, int]:
        """Tensor index -> index of the op that writes it."""
        return {t: i for i, op in enumerate(self.ops) for t in op.outputs}

    def consumers(self) -> dict[int, list[int]]:
        """Tensor index -> indices of the ops that read it."""
        readers: dict[int, list[int]] = {}
        for i, op in enumerate(self.ops):
            for t in op.inputs:
                if t >= 0:
                    readers.setdefault(t, []).append(i)
        return readers

    def signature_inputs(self) -> dict[str, int]:
        """Input name -> tensor index, of the model's first signature; empty if it has none."""
        if not self.signature_defs:
            return {}
        return {_text(entry.name): int(entry.tensorIndex) for entry in self.signature_defs[0].inputs}

    def signature_outputs(self) -> dict[str, int]:
        """Output name -> tensor index, of the model's first signature; empty if it has none."""
        if not self.signature_defs:
            return {}
        return {_text(entry.name): int(entry.tensorIndex) for entry in self.signature_defs[0].outputs or []}

    def check(self, source: str = "the model") -> None:
        """Raises ModelError unless every tensor that is read has been written before.

        TFLM plans a tensor that nobody writes without a word, and reads garbage.
        """
        written = set(self.inputs)
        written |= {i for i, t in enumerate(self.tensors) if t.is_constant or t.is_variable}
        for op in self.ops:
            for t in op.inputs:
                if t >= 0 and t not in written:
                    compiled = ": the model is compiled for an accelerator; take it as it was before" if op.is_custom else ""
                    raise ModelError(
                        f"{source}: op {op.kind} reads tensor '{self.tensors[t].name}', which nothing writes before it{compiled}"
                    )
            written.update(op.outputs)
        for t in self.outputs:
            if t not in written:
                raise ModelError(f"{source}: graph output '{self.tensors[t].name}' is never written")


def read_graph(data: bytes, source: str = "the model") -> Graph:
    """Parses a .tflite. Raises ModelError if it is not one, or is truncated or inconsistent."""
    data = bytes(data)
    if len(data) < 8 or data[4:8] != FILE_IDENTIFIER:
        raise ModelError(
            f"{source} is not a .tflite file: bytes 4 to 8 are {data[4:8]!r}, expected {FILE_IDENTIFIER!r}"
        )
    try:
        root = schema.Model.GetRootAsModel(data, 0)
        _require_few_subgraphs(root.SubgraphsLength(), source)  # before all of them are read
        graph = _graph_from_model(schema.ModelT.InitFromObj(root), source)
        check_graph(graph, source)
        return graph
    except ModelError:
        raise
    except Exception as error:  # the schema's code follows offsets wherever they lead
        raise ModelError(
            f"{source} is damaged or truncated ({len(data)} bytes): {error}; export it again"
        ) from error


def _length(vector) -> int:
    return 0 if vector is None else len(vector)


def _text(value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else (value or "")


def _require_few_subgraphs(count: int, source: str) -> None:
    """One, one that sets resource variables, and in a trainable model an empty one (resource_variables.py)."""
    if not 1 <= count <= _MOST_SUBGRAPHS:
        raise ModelError(f"{source} has {count} subgraphs (control flow), which are not supported; export it without")


def _graph_from_model(model, source: str) -> Graph:
    buffers = model.buffers or []
    for buffer in buffers:
        if getattr(buffer, "offset", 0):
            raise ModelError(f"{source} keeps its weights outside the flatbuffer, which TFLM cannot read")
    first, *others = (_graph_from_subgraph(subgraph, model, buffers, source) for subgraph in model.subgraphs)
    return dataclasses.replace(
        first,
        description=_text(model.description),
        metadata={_text(m.name): _buffer_bytes(buffers[m.buffer]) for m in model.metadata or []},
        signature_defs=model.signatureDefs,
        subgraphs=others,
    )


def _graph_from_subgraph(subgraph, model, buffers, source: str) -> Graph:
    tensors = [_tensor_from_raw(raw, buffers, source) for raw in subgraph.tensors or []]
    return Graph(
        tensors=tensors,
        ops=[_op_from_raw(raw, model.operatorCodes, len(tensors), source) for raw in subgraph.operators or []],
        inputs=_indices(subgraph.inputs, len(tensors), f"{source}: a graph input"),
        outputs=_indices(subgraph.outputs, len(tensors), f"{source}: a graph output"),
        name=_text(subgraph.name) or "main",
    )


def _indices(values, count: int, what: str, optional: bool = False) -> list[int]:
    indices = [int(v) for v in (values if values is not None else [])]
    for i in indices:
        if not (-1 if optional else 0) <= i < count:
            raise ModelError(f"{what} refers to tensor {i} of {count}; the file is damaged")
    return indices


def _buffer_bytes(buffer) -> bytes:
    return b"" if buffer.data is None else np.asarray(buffer.data, dtype=np.uint8).tobytes()


def _tensor_from_raw(raw, buffers, source: str) -> Tensor:
    name = _text(raw.name)
    shape = tuple(int(d) for d in (raw.shape if raw.shape is not None else ()))
    dtype = _DTYPES.get(raw.type)
    data = None
    if _length(buffers[raw.buffer].data) > 0:
        data = np.asarray(buffers[raw.buffer].data, dtype=np.uint8).copy()
    tensor = Tensor(name, shape, dtype, data, bool(raw.isVariable), raw)
    sparse = getattr(raw, "sparsity", None) is not None
    if data is not None and dtype is not None and not sparse and data.size != tensor.nbytes:
        raise ModelError(
            f"{source}: tensor '{name}' of shape {shape} needs {tensor.nbytes} bytes, has {data.size}; the file is damaged"
        )
    return tensor


def _op_from_raw(raw, operator_codes, tensor_count: int, source: str) -> Op:
    code = operator_codes[raw.opcodeIndex]
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    is_custom = builtin == schema.BuiltinOperator.CUSTOM
    if not is_custom and builtin not in _OP_NAMES:
        raise ModelError(f"{source} has a builtin op of number {builtin}, which the installed tflite-micro does not know")
    kind = _text(code.customCode) if is_custom else _OP_NAMES[builtin]
    _check_options(raw, kind, source)
    options = b"" if raw.customOptions is None else np.asarray(raw.customOptions, np.uint8).tobytes()
    return Op(
        kind=kind,
        inputs=_indices(raw.inputs, tensor_count, f"{source}: op {kind}", optional=True),
        outputs=_indices(raw.outputs, tensor_count, f"{source}: op {kind}"),
        is_custom=is_custom,
        version=code.version,
        custom_options=options,
        raw=raw,
    )


def _check_options(raw, kind: str, source: str) -> None:
    """The builtin options have to be those of the kind. Those that a file leaves out have their defaults."""
    expected = _OPTIONS_OF_KIND.get(kind)
    if raw.builtinOptions is None and expected is not None:
        raw.builtinOptionsType = getattr(schema.BuiltinOptions, expected)
        raw.builtinOptions = getattr(schema, f"{expected}T")()
    found = _OPTION_NAMES.get(raw.builtinOptionsType)
    if found is None or (expected is not None and found != expected):
        raise ModelError(f"{source}: op {kind} has builtin options {found or raw.builtinOptionsType}; the file is damaged")


class _AlignedBuffer(schema.BufferT):
    """A buffer whose data starts at a multiple of 16 bytes."""

    def Pack(self, builder):
        data = None
        if _length(self.data) > 0:
            builder.StartVector(1, len(self.data), ALIGNMENT)
            builder.head -= len(self.data)
            builder.Bytes[builder.head : builder.head + len(self.data)] = bytes(self.data)
            data = builder.EndVector()
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


class _BufferTable:
    """The model's buffers. Buffer 0 is empty, for tensors without data."""

    def __init__(self):
        self.buffers = [schema.BufferT()]
        self._index_of: dict[int, int] = {}

    def add(self, data) -> int:
        """Index of the buffer with this data; tensors that share an array share the buffer."""
        if data is None:
            return 0
        key = id(data)
        if key not in self._index_of:
            buffer = _AlignedBuffer()
            buffer.data = data
            self._index_of[key] = len(self.buffers)
            self.buffers.append(buffer)
        return self._index_of[key]


def write_graph(graph: Graph) -> bytes:
    """Serialises the graph into a .tflite, after checking that it is complete."""
    for part in (graph, *graph.subgraphs):
        part.check()
    table = _BufferTable()
    model = schema.ModelT()
    model.version = 3
    model.description = graph.description
    model.operatorCodes = []
    code_index: dict[tuple, int] = {}
    model.subgraphs = [_raw_subgraph(part, model.operatorCodes, code_index, table) for part in (graph, *graph.subgraphs)]
    model.signatureDefs = graph.signature_defs
    model.metadata = []
    for name, content in graph.metadata.items():
        entry = schema.MetadataT()
        entry.name = name
        entry.buffer = table.add(np.frombuffer(content, np.uint8))
        model.metadata.append(entry)
    model.buffers = table.buffers

    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def _raw_subgraph(graph: Graph, operator_codes: list, code_index: dict[tuple, int], table: _BufferTable):
    subgraph = schema.SubGraphT()
    subgraph.name = graph.name
    subgraph.inputs = list(graph.inputs)
    subgraph.outputs = list(graph.outputs)
    subgraph.tensors = [_raw_tensor(t, table) for t in graph.tensors]
    subgraph.operators = [_raw_op(op, operator_codes, code_index) for op in graph.ops]
    return subgraph


def _raw_tensor(tensor: Tensor, table: _BufferTable):
    raw = copy.copy(tensor.raw) if tensor.raw is not None else schema.TensorT()
    raw.name = tensor.name
    raw.shape = list(tensor.shape)
    if tensor.dtype is not None:
        raw.type = _TYPE_CODES[tensor.dtype]
    raw.isVariable = tensor.is_variable
    raw.buffer = table.add(tensor.data)
    return raw


def _raw_op(op: Op, operator_codes: list, code_index: dict[tuple, int]):
    key = (op.is_custom, op.kind, op.version)
    if key not in code_index:
        code = schema.OperatorCodeT()
        if op.is_custom:
            code.builtinCode = schema.BuiltinOperator.CUSTOM
            code.customCode = op.kind
        else:
            code.builtinCode = _OP_CODES[op.kind]
        code.deprecatedBuiltinCode = min(code.builtinCode, _DEPRECATED_CODE_MAX)
        code.version = op.version
        code_index[key] = len(operator_codes)
        operator_codes.append(code)
    raw = copy.copy(op.raw) if op.raw is not None else schema.OperatorT()
    raw.opcodeIndex = code_index[key]
    raw.inputs = list(op.inputs)
    raw.outputs = list(op.outputs)
    raw.customOptions = list(op.custom_options) if op.custom_options else None
    return raw


def builtin_options(name: str, **fields):
    """Raw operator with the builtin options of this name ("MulOptions"), for ops made from nothing."""
    raw = schema.OperatorT()
    raw.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    raw.builtinOptions = getattr(schema, f"{name}T")()
    for field, value in fields.items():
        if not hasattr(raw.builtinOptions, field):
            raise AttributeError(f"{name} has no field {field}")
        setattr(raw.builtinOptions, field, value)
    return raw


def signature(inputs: Mapping[str, int], outputs: Mapping[str, int], key: str = "serving_default"):
    """A signature for Graph.signature_defs: names by which inputs and outputs are called, with their tensors."""
    definition = schema.SignatureDefT()
    definition.signatureKey = key
    definition.inputs, definition.outputs = ([_named_tensor(*entry) for entry in given.items()] for given in (inputs, outputs))
    return definition


def _named_tensor(name: str, index: int):
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry
