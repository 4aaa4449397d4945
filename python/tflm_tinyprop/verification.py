"""Proves that a converted model is the user's model: the same random samples through both, the outputs compared.

A Keras model is called with training=False; a .tflite runs in TFLM as it came. Both stages of a conversion are
compared: what the source was read as, before anything is planned, and the trainable model. The same runs find what TFLM
cannot run at all (host/refusals.py says which op it was).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from tflm_tinyprop.conversion.keras_import import call_keras
from tflm_tinyprop.conversion.keras_weights import flat_layers
from tflm_tinyprop.conversion.layers import find_layers
from tflm_tinyprop.conversion.source import SourceModel
from tflm_tinyprop.errors import HostError, ModelError
from tflm_tinyprop.format.graph import Graph, write_graph
from tflm_tinyprop.format.types import check_types
from tflm_tinyprop.host import arena
from tflm_tinyprop.host.refusals import explain
from tflm_tinyprop.host.session import Session
from tflm_tinyprop.native_output import captured_output

Arrays = list[np.ndarray]

# Largest difference, relative to the largest element of a tensor.
TOLERANCE = 1e-4
# Samples of the size of normalised inputs, and of the size of pixels.
_SCALES = (1.0, 100.0)
# A model that amplifies a change of its inputs by this much as far as its outputs differ amplifies rounding as well.
_PERTURBATION = 2.0**-20


class Reference:
    """What the source computes for some random samples.

    Raises ModelError if TFLM cannot run the source's graph, or if it computes something else there.
    """

    def __init__(self, source: SourceModel):
        self._source = source
        self._names = {
            source.graph.tensors[layer.op.outputs[0]].name: layer.name
            for layer in find_layers(source.graph, source.layer_names)
        }
        generator = np.random.default_rng(0)
        drawn = [(source.graph.tensors[t], _takes_whole_numbers(source.graph, t)) for t in source.graph.inputs]
        self._batches = [[_random(generator, t.shape, t.dtype, scale, whole) for t, whole in drawn] for scale in _SCALES]
        self._run = _runner(source, self._names)
        self._expected = [self._run(inputs) for inputs in self._batches]
        self._compare(source.graph, "the graph that it was read as")

    def check(self, model) -> None:
        """Raises ModelError unless the TrainableModel computes the same without training."""
        self._compare(model.graph, "the trainable model", model.training.model_outputs)

    def _compare(self, graph: Graph, what: str, outputs: int | None = None) -> None:
        count = len(graph.outputs) if outputs is None else outputs
        session = _Tflm(graph, self._names)
        for scale, inputs, expected in zip(_SCALES, self._batches, self._expected, strict=True):
            actual = session.run(inputs)[:count]
            if len(actual) != len(expected):
                raise ModelError(f"{self._source.name}: {what} has {len(actual)} outputs instead of {len(expected)}")
            differences = [difference(a, e) for a, e in zip(actual, expected, strict=True)]
            if max(differences, default=0.0) > max(TOLERANCE, 10 * self._amplified(inputs, expected)):
                if scale > 1 and self._overflows(graph, inputs):
                    continue
                raise ModelError(
                    f"{self._source.name}: {what} does not compute what the source computes: outputs differ by "
                    f"{max(differences):.1e} of the largest. {self._first_difference(graph, inputs)}This is a fault of the "
                    "conversion: please report it; verify=False converts all the same"
                )

    def _amplified(self, inputs: Arrays, expected: Arrays) -> float:
        """How far the source's own outputs move when its inputs are changed a little."""
        generator = np.random.default_rng(1)
        moved = [
            (x * (1 + _PERTURBATION * generator.choice([-1, 1], x.shape))).astype(x.dtype)
            if np.issubdtype(x.dtype, np.floating) else x for x in inputs
        ]
        return max((difference(a, e) for a, e in zip(self._run(moved), expected, strict=True)), default=0.0)

    def _overflows(self, graph: Graph, inputs: Arrays) -> bool:
        """TFLite takes some functions apart: softplus is EXP, ADD, LOG, and infinite where Keras' is not.

        Ops with a fused activation, even none, make an infinite value the largest finite one.
        """
        inner = _inner_tensors(graph, self._names, inputs).values()
        return any(not np.isfinite(a).all() or np.abs(a).max(initial=0) == np.finfo(np.float32).max for a in inner)

    def _first_difference(self, graph: Graph, inputs: Arrays) -> str:
        """A sentence that names the first layer or op behind which nothing agrees with the source."""
        actual = _inner_tensors(graph, self._names, inputs)
        if self._source.keras_model is not None and graph is self._source.graph:
            steps = _keras_layer_outputs(self._source.keras_model, inputs)
            agrees = [any(difference(a, values) <= TOLERANCE for a in actual.values()) for _, values in steps]
            # A layer whose output is in no tensor may have been merged into the next one: what counts is the last that agrees.
            first = max((i + 1 for i, found in enumerate(agrees) if found), default=0)
            return f"The first layer that differs is '{steps[first][0]}'. " if first < len(steps) else ""
        source = _inner_tensors(self._source.graph, self._names, inputs)
        for tensor, values in source.items():  # the graph pass adds tensors, those that there were keep their index
            if difference(actual[tensor], values) > TOLERANCE:
                name = graph.tensors[tensor].name
                return f"The first layer that differs is '{self._names.get(name, name)}'. "
        return ""


def difference(actual: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference of two arrays relative to the largest element of `expected`; inf if one has more elements.

    Elements that are not finite have to be the same.
    """
    a, e = np.asarray(actual, np.float64).ravel(), np.asarray(expected, np.float64).ravel()
    if a.shape != e.shape:
        return np.inf
    finite = np.isfinite(e)
    if not np.array_equal(a[~finite], e[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
        return np.inf
    if not finite.any():
        return 0.0
    return float(np.abs(a[finite] - e[finite]).max() / max(np.abs(e[finite]).max(), np.finfo(np.float32).tiny))


def _takes_whole_numbers(graph: Graph, tensor: int) -> bool:
    """True for integers, and for floats that are made integers before anything else: Keras gives an Embedding such an input."""
    def is_whole(dtype: np.dtype) -> bool:
        return dtype is not None and not np.issubdtype(dtype, np.floating)

    readers = [op for op in graph.ops if tensor in op.inputs]
    return is_whole(graph.tensors[tensor].dtype) or bool(readers) and all(
        op.kind == "CAST" and is_whole(graph.tensors[op.outputs[0]].dtype) for op in readers)


def _random(generator: np.random.Generator, shape: Sequence[int], dtype: np.dtype, scale: float, whole: bool) -> np.ndarray:
    if not whole:
        return (scale * generator.normal(size=shape)).astype(dtype)
    # 0 and 1 are valid wherever a whole number stands for a word or a category.
    return generator.integers(0, 2, size=shape).astype(dtype)


def _runner(source: SourceModel, names: dict[str, str]) -> Callable[[Arrays], Arrays]:
    """Runs the source as it came."""
    if source.keras_model is not None:
        model = source.keras_model
        return lambda inputs: [np.asarray(output) for output in call_keras(model, inputs)]
    try:
        return _Tflm.from_bytes(source.tflite, source.graph, names).run
    except ModelError:
        # Not a model for TFLM as it is; what constants were folded into may be one.
        return _Tflm(source.graph, names).run


class _Tflm:
    """A graph in TFLM, for inference."""

    def __init__(self, graph: Graph, names: dict[str, str]):
        # Whatever the metadata says (an offline memory plan) was said of another list of tensors.
        self._load(write_graph(dataclasses.replace(graph, metadata={})), graph, names)

    @classmethod
    def from_bytes(cls, data: bytes, graph: Graph, names: dict[str, str]):
        """data: a .tflite with the same inputs and outputs as the graph, which may be another one besides."""
        self = cls.__new__(cls)
        self._load(data, graph, names)
        return self

    def _load(self, data: bytes, graph: Graph, names: dict[str, str]) -> None:
        self._data, self._graph, self._names = data, graph, names
        self._start()

    def _start(self) -> None:
        try:
            self._session = Session(self._data, 2 * arena.sufficient_bytes(self._graph))
        except HostError as error:
            raise ModelError(explain(self._graph, str(error), self._names)) from error
        check_types(self._graph)  # what TFLM's Prepare has not refused, with a better word than these

    def run(self, inputs: Arrays) -> Arrays:
        """The outputs; what the graph has as inputs besides these is zero (label, control), and true where it asks for a reset."""
        if self._graph.subgraphs:  # TFLM's Reset forgets that CALL_ONCE has to set resource variables again
            self._start()
        session, tensors = self._session, [self._graph.tensors[t] for t in self._graph.inputs]
        log: list[str] = []
        session.reset()
        for position, tensor in enumerate(tensors):
            given = inputs[position] if position < len(inputs) else np.full(tensor.shape, tensor.dtype == np.bool_, tensor.dtype)
            session.set_input(given, position)
        try:
            with captured_output(log):
                session.invoke()
        except RuntimeError as error:
            raise ModelError(explain(self._graph, " ".join([str(error), *log]), self._names)) from error
        return [np.array(session.output(position)) for position in range(len(self._graph.outputs))]


def _inner_tensors(graph: Graph, names: dict[str, str], inputs: Arrays) -> dict[int, np.ndarray]:
    """Every float tensor that an op writes, by index, in the order of the ops."""
    written = list(itertools.chain.from_iterable(op.outputs for op in graph.ops))
    wanted = [t for t in dict.fromkeys(written) if graph.tensors[t].dtype == np.float32]
    shown = dataclasses.replace(graph, outputs=wanted)
    return dict(zip(wanted, _Tflm(shown, names).run(inputs), strict=True))


def _keras_layer_outputs(model, inputs: Arrays) -> list[tuple[str, np.ndarray]]:
    """(layer, output) of every call of a layer, in their order."""
    calls: list[tuple[str, np.ndarray]] = []
    layers = list(flat_layers(model))

    def recorded(layer, call):
        def record(*args, **kwargs):
            result = call(*args, **kwargs)
            calls.extend((layer.name, values) for values in _flat(result))
            return result

        return record

    for layer in layers:
        object.__setattr__(layer, "call", recorded(layer, layer.call))
    try:
        call_keras(model, inputs)
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")
    return calls


def _flat(outputs) -> Arrays:
    """The arrays of one tensor, a list or a dict of them."""
    if isinstance(outputs, dict):
        outputs = [outputs[key] for key in sorted(outputs)]  # Keras' order, in which keras_import puts them
    if isinstance(outputs, (list, tuple)):
        return [np.asarray(o) for o in outputs]
    return [np.asarray(outputs)]
