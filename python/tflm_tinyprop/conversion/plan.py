"""Decides what is trained and which ops need a gradient, without changing the graph."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

from tflm_tinyprop.conversion.batch_axis import batch_axes
from tflm_tinyprop.conversion.layer_choice import choose
from tflm_tinyprop.conversion.layer_kinds import kernel_of, kind_of
from tflm_tinyprop.conversion.layers import Layer, find_layers, layer_names
from tflm_tinyprop.conversion.losses import Loss, find_target
from tflm_tinyprop.conversion.model_state import ModelState, check_not_trained_through, find_state
from tflm_tinyprop.conversion.rules import RULES
from tflm_tinyprop.conversion.source import SourceModel
from tflm_tinyprop.errors import ModelError
from tflm_tinyprop.format import metadata, tables
from tflm_tinyprop.format.graph import Graph, Op

UPDATE_FLAGS = {metadata.KERNEL: tables.UPDATES_WEIGHTS, metadata.BIAS: tables.UPDATES_BIAS}


@dataclasses.dataclass(frozen=True)
class LayerPlan:
    """A call of a layer with weights on the backward path; number: l = 1..L from input to output.

    layers_above: layers, not calls, between this one's last call and the loss. updates_later: another call of the layer
    hands down after this one, with the weights as they were before the step.
    """

    layer: Layer
    number: int
    layers_above: int
    flags: int  # tables.UPDATES_WEIGHTS | UPDATES_BIAS; 0 = frozen, only hands down
    unchanged: bool  # its weights are those of the Keras layer of its name
    hands_down: bool
    updates_later: bool


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """What differentiate() will build.

    loss_input: tensor the loss is taken on (the logits, if a softmax or sigmoid ends the model). output, output_threshold: as in
    the metadata.
    backward: indices of the ops that get a gradient op, from the output down.
    state: what the model's own ops keep between invokes. keeps_state: whether it is left to them.
    """

    loss: Loss
    loss_input: int
    output: int
    output_threshold: float
    batch_size: int
    layers: tuple[LayerPlan, ...]
    backward: tuple[int, ...]
    state: ModelState = ModelState()
    keeps_state: bool = False

    def layer_of(self, operator: int) -> LayerPlan | None:
        return next((p for p in self.layers if p.layer.operator == operator), None)


class _CannotTrain(ModelError):
    """What was asked for cannot be trained, but something else of the model may."""


def make_plan(
    source: SourceModel,
    *,
    trainable_layers: str | int | Sequence[str],
    loss: str | Loss,
    batch_size: int,
    stateful: bool = False,
    output: str | int | None = None,
) -> TrainingPlan:
    """Checks the graph against what is asked of it. Raises ModelError with the layer at fault."""
    graph, loss = source.graph, Loss.of(loss)
    _check_shapes(graph, batch_size)
    found = find_layers(graph, source.layer_names)
    if not found:
        raise ModelError("the model has no layer with weights: there is nothing to train")
    target = find_target(graph, loss, output, batch_size)
    loss_input = target.tensor
    layers = [l for l in found if loss_input in _downstream(graph, {l.operator})]
    if not layers:
        raise ModelError("the model has no layer with weights between its input and the loss")
    state = find_state(graph, batch_size)
    frame = TrainingPlan(
        loss, loss_input, target.output, target.threshold, batch_size, (), (), state, stateful and state.exists
    )
    plan_for = functools.partial(_plan, source, layers, frame)
    try:
        return plan_for(trainable_layers)
    except _CannotTrain as refusal:
        raise ModelError(f"{refusal}. {_alternatives(layer_names(layers), plan_for)}") from None


def _plan(source: SourceModel, layers: list[Layer], frame: TrainingPlan, trainable_layers) -> TrainingPlan:
    """The frame filled in. Raises _CannotTrain with the layer at fault."""
    graph = source.graph
    names = layer_names(layers)
    owners = {names[position] for position in choose(names, trainable_layers)}
    chosen = [layer for layer in layers if layer.owner in owners]
    for layer in chosen:
        _check_trainable(graph, layer)
    chosen_ops = {layer.operator for layer in chosen}
    moved = _downstream(graph, chosen_ops)
    backward = _backward_path(graph, moved, frame.loss_input)
    _check_path(graph, layers, backward)
    _check_reached(chosen, backward)
    _check_batch_axis(graph, layers, backward, frame.batch_size)
    _check_shared(graph, chosen)
    check_not_trained_through(graph, moved)
    on_path = [layer for layer in layers if layer.operator in backward]
    hands_down = {l.operator: any(t in moved for t in RULES[l.op.kind].data_inputs(l.op)) for l in on_path}
    above = _layers_above(on_path)
    plans = tuple(
        LayerPlan(
            layer, number, above[layer.owner],
            flags=_update_flags(source, layer) if layer.operator in chosen_ops else 0,
            unchanged=layer.owner in source.unchanged,
            hands_down=hands_down[layer.operator],
            updates_later=layer.operator in chosen_ops and any(
                hands_down[other.operator] for other in on_path[: number - 1] if other.owner == layer.owner),
        )
        for number, layer in enumerate(on_path, start=1)
    )
    return dataclasses.replace(frame, layers=plans, backward=tuple(backward))


def _alternatives(names: list[str], plan_for: Callable[[int], TrainingPlan]) -> str:
    """What can be trained: the longest run of last layers that can be planned."""
    for count in range(len(names), 0, -1):
        try:
            plan_for(count)
        except ModelError:
            continue
        return f"Layers that can be trained: {', '.join(names[-count:])} (pass trainable_layers={count} or names)."
    return "No layer of this model can be trained."


def _layers_above(on_path: list[Layer]) -> dict[str, int]:
    """{layer: number of layers above it}; a layer of several calls is where its last one is."""
    last_calls = list(dict.fromkeys(layer.owner for layer in reversed(on_path)))
    return {owner: above for above, owner in enumerate(last_calls)}


def _check_shapes(graph: Graph, batch_size: int) -> None:
    for index in graph.inputs:
        tensor = graph.tensors[index]
        signature = getattr(tensor.raw, "shapeSignature", None)
        open_dims = [] if signature is None else [i for i, d in enumerate(signature) if int(d) < 0]
        # The usual .tflite leaves only the batch open and stores shape [1, ...], which TFLM takes as fixed.
        if any(i > 0 for i in open_dims):
            raise ModelError(
                f"input '{tensor.name}' has a dynamic shape {tuple(int(d) for d in signature)}; "
                "TFLM needs fixed shapes: export the model with a fixed input shape"
            )
        if not tensor.shape or tensor.shape[0] != batch_size:
            raise ModelError(
                f"input '{tensor.name}' has shape {tensor.shape}, whose batch is not batch_size={batch_size}; "
                "export the model with that batch, or pass the batch it has"
            )


def _downstream(graph: Graph, operators: set[int]) -> set[int]:
    """All tensors computed from the outputs of these ops, those outputs included."""
    reached: set[int] = set()
    for index, op in enumerate(graph.ops):
        if index in operators or any(t in reached for t in op.inputs):
            reached.update(op.outputs)
    return reached


def _check_trainable(graph: Graph, layer: Layer) -> None:
    rule = RULES.get(layer.op.kind)
    problem = (
        f"op {layer.op.kind} has no gradient yet" if rule is None else rule.problem(graph, layer.op)
    )
    if problem is None and not rule.parameters(graph, layer.op):
        problem = "it has no constant weights"
    if problem is not None:
        raise _CannotTrain(f"layer '{layer.name}' ({layer.op.kind}) cannot be trained: {problem}")


def _backward_path(graph: Graph, moved: set[int], loss_input: int) -> list[int]:
    """Ops between the loss and the first trained layer, from the output down.

    moved: tensors that depend on a trained weight.
    """
    wanted = {loss_input}
    path = []
    for index in reversed(range(len(graph.ops))):
        op = graph.ops[index]
        if not any(t in wanted for t in op.outputs) or not any(t in moved for t in op.outputs):
            continue
        path.append(index)
        # Not through what has no derivative: the condition of a SELECT_V2.
        handed = RULES[op.kind].data_inputs(op) if op.kind in RULES else op.inputs
        wanted.update(t for t in handed if t in moved)
    return path


def _check_reached(chosen: list[Layer], path: list[int]) -> None:
    """The loss may depend on a layer and still have no gradient there."""
    for layer in chosen:
        if layer.operator not in path:
            raise _CannotTrain(
                f"no gradient reaches layer '{layer.name}' ({layer.op.kind}): the loss depends on it by comparisons only; "
                "leave it frozen, or build the model without them"
            )


def _check_path(graph: Graph, layers: list[Layer], path: list[int]) -> None:
    names = {layer.operator: layer.name for layer in layers}
    for index in path:
        op = graph.ops[index]
        rule = RULES.get(op.kind)
        problem = "it has no gradient yet" if rule is None else rule.problem(graph, op)
        if problem is not None:
            name = names.get(index, graph.tensors[op.outputs[0]].name)
            raise _CannotTrain(f"'{name}' ({op.kind}) lies between the loss and the first trained layer, and {problem}")


def _check_batch_axis(graph: Graph, layers: list[Layer], path: list[int], batch_size: int) -> None:
    """Gradient ops take sample b from the b-th part of their tensors."""
    axes = batch_axes(graph, batch_size) if batch_size > 1 else {}
    for layer in layers:
        if layer.operator in path and any(axes.get(t, 0) != 0 for t in RULES[layer.op.kind].data_inputs(layer.op)):
            raise _CannotTrain(
                f"layer '{layer.name}' ({layer.op.kind}) has its samples along another axis than the first, behind a TRANSPOSE; "
                "such a layer can be trained with batch_size=1 only"
            )


def _check_shared(graph: Graph, chosen: list[Layer]) -> None:
    """Only calls of one layer may read what it trains: other readers would change with it, and add to its gradient."""
    calls = {id(layer.op): layer.owner for layer in chosen}
    for layer in chosen:
        for parameter in RULES[layer.op.kind].parameters(graph, layer.op):
            tensor = layer.op.inputs[parameter.position]
            for op in graph.ops:
                uses = op.inputs.count(tensor)
                if uses and (uses > 1 or calls.get(id(op), layer.owner) != layer.owner or not _is_call(op, layer, tensor)):
                    raise _CannotTrain(
                        f"layer '{layer.name}' ({layer.op.kind}) shares its {metadata.ROLES[parameter.role]} "
                        f"'{graph.tensors[tensor].name}' with '{graph.tensors[op.outputs[0]].name}' ({op.kind}), which is not "
                        "another call of it; give each a constant of its own, or leave the layer frozen"
                    )


def _is_call(op: Op, layer: Layer, tensor: int) -> bool:
    """Whether the op is a call of the layer that reads a parameter of it as one."""
    kind = kind_of(op)
    return kind is not None and len(op.inputs) > kind.kernel and kernel_of(op) == kernel_of(layer.op) and (
        tensor in (kernel_of(op), kind.bias_of(op)))


def _update_flags(source: SourceModel, layer: Layer) -> int:
    flags = sum(UPDATE_FLAGS[p.role] for p in RULES[layer.op.kind].parameters(source.graph, layer.op))
    # The converter gives every convolution a bias; where the source has none, it stays zero.
    return flags & ~tables.UPDATES_BIAS if layer.owner in source.without_bias else flags
