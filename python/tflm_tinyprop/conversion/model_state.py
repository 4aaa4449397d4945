"""State that a model's own ops keep from one invoke to the next, and how the trainable graph resets it.

Two kinds exist in TFLM: variable tensors (UNIDIRECTIONAL_SEQUENCE_LSTM, SVDF), which TinyPropResetState fills with what TFLM's Reset
gives them, and resource variables (streaming layers), which a subgraph of the model assigns their first values. The op CALL_ONCE
runs that subgraph in the first invoke only; the trainable graph has an IF in its place.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import options
from tflm_tinyprop.format.graph import Graph, Op, Tensor, builtin_options
from tflm_tinyprop.format.resource_variables import (
    ASSIGN_VARIABLE,
    CALL_ONCE,
    IF,
    READ_VARIABLE,
    called_subgraphs,
    handles_of,
)

RESET_REQUEST = "tinyprop_reset_state"
_ALWAYS, _RESET_VALUES = "tinyprop_always", "tinyprop_reset_values"
_STATE_TYPES = {np.dtype(t) for t in (np.float32, np.int8, np.int16, np.int32)}
# TFLM's ops that keep their state to themselves: only a reset of the whole interpreter reaches it.
_HIDDEN_STATE = frozenset((
    "CIRCULAR_BUFFER", "SignalDelay", "SignalFilterBankSpectralSubtraction", "SignalFramer", "SignalOverlapAdd", "SignalStacker",
))


@dataclasses.dataclass(frozen=True)
class ModelState:
    """variables: variable tensors. call_once: index of the op that sets resource variables, None without one."""

    variables: tuple[int, ...] = ()
    call_once: int | None = None

    @property
    def exists(self) -> bool:
        return bool(self.variables) or self.call_once is not None


def find_state(graph: Graph, batch_size: int) -> ModelState:
    """The state of an ordinary model. Raises ModelError where no op of the graph could reset it."""
    for op in graph.ops:
        if op.kind in _HIDDEN_STATE:
            raise ModelError(f"op {op.kind} ('{graph.tensors[op.outputs[0]].name}') keeps state inside itself, which cannot be "
                             "reset between samples; take it out of the model, and feed the model with its output")
        if op.kind == IF:
            raise ModelError("the model has the op IF (control flow), which is not supported; export it without")
    variables = tuple(i for i, tensor in enumerate(graph.tensors) if tensor.is_variable)
    for index in variables:
        _check_variable(graph.tensors[index], batch_size)
    state = ModelState(variables, _call_once(graph))
    if state.call_once is not None:
        _check_resources(graph, state.call_once, batch_size)
    elif handles_of(graph):
        name = next(iter(handles_of(graph).values()))[1]
        raise ModelError(f"resource variable '{name}' has no first value: the model has no op {CALL_ONCE} that sets it; export "
                         "the model with TensorFlow's converter, whole")
    return state


def _call_once(graph: Graph) -> int | None:
    found = [i for i, op in enumerate(graph.ops) if op.kind == CALL_ONCE]
    if len(found) > 1:
        raise ModelError(f"the model has {len(found)} ops {CALL_ONCE}; only models with one are supported")
    return found[0] if found else None


def _check_variable(tensor: Tensor, batch_size: int) -> None:
    if tensor.is_constant:
        raise ModelError(f"tensor '{tensor.name}' is a variable, and has data in the file, which TFLM ignores; export the model again")
    if tensor.dtype not in _STATE_TYPES:
        raise ModelError(f"variable tensor '{tensor.name}' is {tensor.dtype or 'of an unknown type'}; state can be float32, int8, "
                         "int16 or int32")
    _check_batch(tensor, tensor.name, batch_size)


def _check_batch(tensor: Tensor, name: str, batch_size: int) -> None:
    if batch_size > 1 and (not tensor.shape or tensor.shape[0] != batch_size):
        raise ModelError(f"state '{name}' has the shape {tensor.shape}: the {batch_size} samples of a batch would share it; "
                         "convert with batch_size=1")


def _check_resources(graph: Graph, call_once: int, batch_size: int) -> None:
    """Every resource variable has a first value, and is read behind the op that sets it."""
    first = graph.subgraphs[called_subgraphs(graph.ops[call_once])[0] - 1]
    initial_handles = handles_of(first)
    initial = {initial_handles[op.inputs[0]]: first.tensors[op.inputs[1]] for op in first.ops if op.kind == ASSIGN_VARIABLE}
    handles = handles_of(graph)
    for name in handles.values():
        if name not in initial:
            raise ModelError(f"resource variable '{name[1]}' has no first value in subgraph '{first.name}'; export the model again")
        _check_batch(initial[name], name[1], batch_size)
    early = next((op for op in graph.ops[:call_once] if op.kind in (READ_VARIABLE, ASSIGN_VARIABLE)), None)
    if early is not None:
        raise ModelError(f"resource variable '{handles[early.inputs[0]][1]}' is used before {CALL_ONCE} sets it; export the model again")


def check_not_trained_through(graph: Graph, moved: set[int]) -> None:
    """Raises ModelError if a trained layer's output reaches an op of the same step through a resource variable.

    moved: tensors that depend on a trained weight. The gradient would not follow. What is read before it is assigned comes from
    the sample before, to which no gradient is taken.
    """
    handles = handles_of(graph)
    assigned: set[tuple[str, str]] = set()
    for op in graph.ops:
        if op.kind == ASSIGN_VARIABLE and op.inputs[1] in moved:
            assigned.add(handles[op.inputs[0]])
        if op.kind == READ_VARIABLE and handles[op.inputs[0]] in assigned:
            raise ModelError(f"resource variable '{handles[op.inputs[0]][1]}' carries the output of a trained layer to ops of the "
                             "same step, through which no gradient can go; train fewer layers (trainable_layers)")


def reset_op(graph: Graph, state: ModelState, request: int | None) -> Op:
    """What resets the variable tensors, where the request says so; without one always."""
    values = [_reset_value(graph.tensors[index]) for index in state.variables]
    constant = graph.add_constant(_RESET_VALUES, np.array(values, np.int32))
    return Op(
        options.RESET_STATE, [constant, *state.variables, *([] if request is None else [request])], [], is_custom=True,
        custom_options=options.ResetStateOptions(len(state.variables), int(request is not None)).pack())


def _reset_value(tensor: Tensor) -> int:
    """What TFLM's Reset sets a variable's bytes to: int8 ones to their zero point."""
    zero_points = getattr(getattr(tensor.raw, "quantization", None), "zeroPoint", None)
    return int(zero_points[0]) if tensor.dtype == np.int8 and zero_points is not None and len(zero_points) else 0


def replace_call_once(graph: Graph, state: ModelState, request: int | None) -> None:
    """Puts an IF in the place of CALL_ONCE: it sets the resource variables if asked to, without a request always."""
    if state.call_once is None:
        return
    (first,) = called_subgraphs(graph.ops[state.call_once])
    otherwise = first
    if request is None:
        request = graph.add_constant(_ALWAYS, np.array([True]))
    else:
        graph.subgraphs.append(Graph([], [], [], [], name="tinyprop_keep_state"))
        otherwise = len(graph.subgraphs)
    graph.ops[state.call_once] = Op(
        IF, [request], [], raw=builtin_options("IfOptions", thenSubgraphIndex=first, elseSubgraphIndex=otherwise))


def restore_call_once(graph: Graph) -> None:
    """Undoes replace_call_once in the ops and subgraphs."""
    for position, op in enumerate(graph.ops):
        if op.kind == IF:
            first, otherwise = called_subgraphs(op)
            graph.ops[position] = Op(CALL_ONCE, [], [], raw=builtin_options("CallOnceOptions", initSubgraphIndex=first))
            if otherwise != first:
                del graph.subgraphs[otherwise - 1]
