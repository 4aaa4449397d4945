"""How many layers of a model can be trained in how much memory: `tinyprop fit-memory`."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys

from rich.console import Console
from rich.table import Table

from tflm_tinyprop import describe
from tflm_tinyprop.conversion import pipeline
from tflm_tinyprop.conversion.source import SourceModel
from tflm_tinyprop.errors import ConfigError, ModelError
from tflm_tinyprop.format import metadata
from tflm_tinyprop.trainable_model import make_trainable
from tflm_tinyprop.verification import Reference

_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


@dataclasses.dataclass(frozen=True)
class MemoryFit:
    """What training the last `layers` layers with weights takes, in bytes.

    arena: everything that TFLM keeps in RAM, measured on this 64-bit host; a microcontroller with 32-bit pointers
    needs less. Of it, weights: trained ones, which are copies in RAM; frozen ones stay in flash. state: running
    maxima and statistics. activations: kept from the forward pass for the backward pass. flash: the trainable
    .tflite, with the exported weights of all layers.
    """

    layers: int
    first_layer: str
    parameters: int
    weights: int
    state: int
    activations: int
    arena: int
    flash: int
    fits: bool


def fit_memory(model, ram_bytes: int, *, loss="sparse_categorical_crossentropy", batch_size: int = 1,
               output: str | int | None = None, verbose="auto") -> list[MemoryFit]:
    """What training the last 1, 2, ... layers takes, up to the most that can be trained.

    Args:
        model: what convert() takes: a built Keras model, or the path to or the bytes of a .tflite.
        ram_bytes: RAM for the arena.
        loss, batch_size, output: as for convert().
        verbose: "auto" shows the progress on a terminal.

    Raises:
        ModelError: not even the last layer can be trained; the message says why.
    """
    if isinstance(ram_bytes, bool) or not isinstance(ram_bytes, int) or ram_bytes < 1:
        raise ConfigError(f"ram_bytes must be a positive number of bytes, got {ram_bytes!r}")
    return survey(pipeline.read_source(model, batch_size), ram_bytes, loss=loss, batch_size=batch_size, output=output,
                  verbose=verbose)[0]


def survey(source: SourceModel, ram_bytes: int, *, loss, batch_size: int, output: str | int | None = None,
           verbose="auto") -> tuple[list[MemoryFit], ModelError | None]:
    """fit_memory() of a source, and why no more layers can be trained; None if all can."""
    fits: list[MemoryFit] = []
    reference = Reference(source)
    with _shown_progress(verbose) as show:
        while True:
            layers = len(fits) + 1
            try:
                model = make_trainable(source, trainable_layers=layers, loss=loss, batch_size=batch_size, output=output)
            except ModelError as error:
                if not fits:
                    raise
                return fits, error
            reference.check(model)
            show(layers)
            fits.append(_measure(model, layers, ram_bytes))
            if layers == len(describe.layer_infos(model)):
                return fits, None


@contextlib.contextmanager
def _shown_progress(verbose):
    """A function that shows which layer is measured, on stderr. verbose: "auto" on a terminal, True, False."""
    if not (sys.stderr.isatty() if verbose == "auto" else verbose):
        yield lambda layers: None
        return
    with Console(stderr=True).status("converting") as status:
        yield lambda layers: status.update(f"measuring the arena, {layers} trained")


def largest_fit(fits: list[MemoryFit]) -> MemoryFit | None:
    """The one that trains most layers of those that fit."""
    return max((fit for fit in fits if fit.fits), key=lambda fit: fit.layers, default=None)


def _measure(model, layers: int, ram_bytes: int) -> MemoryFit:
    training = model.training
    state = sum(v.elements for v in training.variables if v.role == metadata.STATE)
    statistics = model.graph.tensors[model.graph.outputs[training.statistics_output]].size
    return MemoryFit(
        layers=layers,
        first_layer=next(layer.name for layer in training.layers if layer.is_trained),
        parameters=model.trainable_parameters,
        weights=4 * model.trainable_parameters,
        state=4 * (state + statistics),
        activations=sum(describe.kept_activations(model).values()),
        arena=model.arena_bytes,
        flash=len(model.data),
        fits=model.arena_bytes <= ram_bytes,
    )


def parse_bytes(text: str) -> int:
    """'64k', '64kB', '64 KiB' -> 65,536; also M and G, and plain bytes. All prefixes are powers of 1024."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmg]?)(?:i?b)?\s*", text.lower())
    value = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if value < 1 or value != int(value):
        raise ConfigError(f"{text!r} is no number of bytes; write 65536, 64k, 64KiB or 0.5M (1k is 1,024 bytes)")
    return int(value)


def as_dict(fits: list[MemoryFit], ram_bytes: int, stopped_by: ModelError | None) -> dict:
    """The survey as plain values, for JSON."""
    best = largest_fit(fits)
    return {
        "ram_bytes": ram_bytes,
        "largest": best.layers if best else 0,
        "stopped_by": str(stopped_by) if stopped_by else None,
        "fits": [dataclasses.asdict(fit) for fit in fits],
    }


def print_fits(fits: list[MemoryFit], ram_bytes: int, stopped_by: ModelError | None, print_fn=print) -> None:
    """The table, and the largest number of layers that fits."""
    table = Table(title=f"What can be trained in {ram_bytes:,} bytes of RAM")
    table.add_column("last layers")
    table.add_column("from")
    for column in ("parameters", "weights in RAM", "state", "activations", "arena", "flash"):
        table.add_column(column, justify="right")
    table.add_column("fits")
    for fit in fits:
        sizes = (fit.parameters, fit.weights, fit.state, fit.activations, fit.arena, fit.flash)
        table.add_row(str(fit.layers), fit.first_layer, *(f"{size:,}" for size in sizes), "yes" if fit.fits else "no")
    print_fn(describe.render(table))
    best = largest_fit(fits)
    if best is None:
        print_fn(f"Not even the last layer fits: it takes an arena of {fits[0].arena:,} bytes.")
    else:
        print_fn(f"The last {best.layers} fit: tinyprop convert --trainable-layers {best.layers}")
    if stopped_by is not None:
        print_fn(f"More than {fits[-1].layers} cannot be trained: {stopped_by}")
    print_fn("Bytes; arenas are measured on this 64-bit host, and smaller with 32-bit pointers. Frozen weights stay in "
             "flash. Firmware takes RAM beside the arena, for its stack above all.")
