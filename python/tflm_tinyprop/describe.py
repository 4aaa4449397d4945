"""What a trainable model consists of, as tables for people (summary, inspect) and as plain values."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from tflm_tinyprop.conversion.differentiate import PREFIX, forward_ops, inference_graph
from tflm_tinyprop.conversion.layer_kinds import KINDS, forward_macs
from tflm_tinyprop.conversion.layers import find_layers
from tflm_tinyprop.format import metadata, options, tables
from tflm_tinyprop.format.graph import write_graph
from tflm_tinyprop.host import arena


@dataclasses.dataclass(frozen=True)
class LayerInfo:
    """One layer with weights.

    Multiply-accumulates are per sample, backward ones of full backpropagation. kept_bytes: activations that
    stay in the arena for the layer's gradient; one that two layers need counts at the lower one. A layer that is called
    several times has an entry for each call, its parameters at the first.
    """

    name: str
    op: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    trainable: bool
    forward_macs: int
    backward_macs: int
    kept_bytes: int


def layer_infos(model) -> list[LayerInfo]:
    """The layers of a TrainableModel from input to output."""
    training = model.training
    inference = inference_graph(model.graph, training, {})
    # Metadata names the layers on the backward path.
    first, _ = forward_ops(model.graph)
    on_path = {layer.operator - first: layer for layer in training.layers}
    kept = _kept_bytes(model)
    infos = []
    for layer in find_layers(inference):
        record = on_path.get(layer.operator)
        constants = (inference.tensors[t] for t in layer.op.inputs if t >= 0)
        infos.append(LayerInfo(
            name=record.name if record else layer.name,
            op=layer.op.kind,
            input_shape=inference.tensors[layer.op.inputs[KINDS[layer.op.kind].x]].shape,
            output_shape=inference.tensors[layer.op.outputs[0]].shape,
            parameters=sum(t.size for t in constants if t.is_constant) if layer.is_first_call else 0,
            trainable=bool(record and record.is_trained),
            forward_macs=forward_macs(inference, layer.op) // training.batch_size,
            backward_macs=record.backward_macs if record else 0,
            kept_bytes=kept.get(layer.operator + first, 0),
        ))
    return infos


def kept_activations(model) -> dict[int, int]:
    """{tensor: bytes} of the forward activations that gradient ops read: what training keeps in the arena."""
    graph = model.graph
    first, loss = forward_ops(graph)
    activations = {t for op in graph.ops[first:loss] for t in op.outputs} | set(graph.inputs[: model.training.model_inputs])
    read = {t for op in graph.ops[loss:] for t in op.inputs if t in activations}
    return {t: graph.tensors[t].nbytes for t in sorted(read)}


def _kept_bytes(model) -> dict[int, int]:
    """{operator of a layer: bytes of the activations its gradient op needs}."""
    kept = kept_activations(model)
    claimed: set[int] = set()
    result = {}
    read_by: dict[int, set[int]] = {}  # layer number -> what its gradient ops read
    for op in model.graph.ops:
        if op.kind.startswith(PREFIX):
            number = getattr(options.unpack(op.kind, op.custom_options), "layer", 0)
            if number:
                read_by.setdefault(number, set()).update(op.inputs)
    for number, layer in enumerate(model.training.layers, start=1):
        own = {t for t in read_by[number] if t in kept} - claimed
        claimed |= own
        result[layer.operator] = sum(kept[t] for t in own)
    return result


def arena_sizes(model) -> dict[str, int]:
    """Smallest arenas on this host in bytes: for the ordinary model, and for training."""
    inference = inference_graph(model.graph, model.training, {})
    return {
        "inference": arena.smallest_bytes(write_graph(inference), arena.sufficient_bytes(inference)),
        "training": model.arena_bytes,
    }


def print_summary(model, print_fn: Callable[[str], None] | None = None) -> None:
    """Layers, what is trained, costs and memory."""
    infos = layer_infos(model)
    table = Table(title=f"Trainable model, batch {model.batch_size}, loss {_loss_text(model)}")
    for column, justify in (("layer", "left"), ("op", "left"), ("input", "left"), ("output", "left"), ("parameters", "right"),
                            ("trainable", "left"), ("forward MACs", "right"), ("backward MACs", "right"),
                            ("kept for backward", "right")):
        table.add_column(column, justify=justify)
    for info in infos:
        table.add_row(info.name, info.op, _shape(info.input_shape), _shape(info.output_shape),
                      f"{info.parameters:,}", "yes" if info.trainable else "frozen", f"{info.forward_macs:,}",
                      f"{info.backward_macs:,}", f"{info.kept_bytes:,} B")
    arenas = arena_sizes(model)
    lines = [
        f"trainable parameters   {model.trainable_parameters:,} ({4 * model.trainable_parameters:,} bytes of RAM)",
        f"model                  {len(model.data):,} bytes of flash",
        f"kept for backward      {sum(kept_activations(model).values()):,} bytes of activations",
        f"arena for inference    {arenas['inference']:,} bytes (64-bit host)",
        f"arena for training     {arenas['training']:,} bytes (64-bit host)",
        f"configuration          {_config_text(model.config)}",
        f"state of its own ops   {_state_text(model.training)}",
    ]
    (print_fn or print)(f"{render(table)}\n" + "\n".join(lines))


def print_inspection(model, print_fn: Callable[[str], None] | None = None) -> None:
    """Everything in the file: summary, inputs and outputs, variables, ops with decoded options."""
    emit = print_fn or print
    print_summary(model, emit)
    graph, training = model.graph, model.training

    table = Table(title="Inputs and outputs")
    for column in ("", "name", "shape", "type"):
        table.add_column(column)
    for role, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for position, index in enumerate(indices):
            tensor = graph.tensors[index]
            table.add_row(f"{role} {position}", tensor.name, str(tensor.shape), str(tensor.dtype))
    emit(render(table))

    table = Table(title="Variables")
    for column in ("output", "layer", "role", "elements", "constant", "variable"):
        table.add_column(column)
    for position, record in enumerate(training.variables, start=training.first_variable_output):
        name = training.layers[record.layer - 1].name if record.layer else "-"
        table.add_row(str(position), name, metadata.ROLES[record.role], f"{record.elements:,}",
                      str(record.initial), str(record.variable))
    emit(render(table))

    table = Table(title="Ops")
    for column in ("", "op", "inputs", "outputs", "custom options"):
        table.add_column(column)
    for index, op in enumerate(graph.ops):
        decoded = _options_text(op) if op.kind.startswith(PREFIX) else ""
        table.add_row(str(index), op.kind, " ".join(map(str, op.inputs)), " ".join(map(str, op.outputs)), decoded)
    emit(render(table))


def as_dict(model) -> dict:
    """The inspection as plain values, for JSON."""
    return {
        "batch_size": model.batch_size,
        "loss": model.loss,
        "loss_parameters": {name: getattr(model.training, name) for name in model.training.loss_kind.parameters},
        "output": model.training.output,
        "state": tables.MODEL_STATES[model.training.model_state],
        "configuration": dataclasses.asdict(model.config),
        "layers": [dataclasses.asdict(info) for info in layer_infos(model)],
        "variables": [dataclasses.asdict(record) for record in model.training.variables],
        "ops": [
            {"op": op.kind, "inputs": op.inputs, "outputs": op.outputs,
             "options": dataclasses.asdict(options.unpack(op.kind, op.custom_options))
             if op.kind.startswith(PREFIX) else None}
            for op in model.graph.ops
        ],
        "metadata": sorted(model.graph.metadata),
        "model_bytes": len(model.data),
        "arena_bytes": arena_sizes(model),
    }


def _state_text(training) -> str:
    text = tables.MODEL_STATES[training.model_state]
    return f"{text} (stateful)" if training.keeps_state else text


def _loss_text(model) -> str:
    """The loss with the parameters that are not the defaults, and of several outputs the one it is taken on."""
    training = model.training
    defaults = {"label_smoothing": 0.0, "delta": 1.0}
    parts = [f"{name.replace('_', ' ')} {getattr(training, name):g}" for name in training.loss_kind.parameters
             if getattr(training, name) != defaults[name]]
    if training.model_outputs > 1:
        parts.append(f"output {training.output} '{model.output_names[training.output]}'")
    return ", ".join([model.loss, *parts])


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _options_text(op) -> str:
    decoded = options.unpack(op.kind, op.custom_options)
    parts = []
    for name, value in dataclasses.asdict(decoded).items():
        if name == "fused_activation":
            value = options.ACTIVATIONS[value]
        elif name == "kind":
            value = options.ELEMENTWISE_ACTIVATIONS[value]
        elif name == "flags":
            value = "|".join(text for bit, text in tables.LAYER_GRAD_FLAGS.items() if value & bit) or "none"
        parts.append(f"{name}={value}")
    return " ".join(parts)


def _config_text(config) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(config).items())


def render(table: Table) -> str:
    """The table as text, as wide as it needs to be, every name as it is."""
    console = Console(file=io.StringIO(), width=220, markup=False, emoji=False, highlight=False)
    console.print(table)
    return console.file.getvalue().rstrip()
