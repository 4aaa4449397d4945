"""Commands about models: convert, inspect, fit-memory."""

from __future__ import annotations

import json
import pathlib
from typing import Annotated, Optional

import typer

from tflm_tinyprop.cli import support
from tflm_tinyprop.cli.arguments import (
    LOSS,
    Format,
    HuberDelta,
    LabelSmoothing,
    LossName,
    Method,
    ModelOutput,
    Overwrite,
    Settings,
)


def convert(
    model: Annotated[pathlib.Path, typer.Argument(help=".keras, .h5 or .tflite")],
    output: Annotated[pathlib.Path, typer.Argument(help="Trainable .tflite to write.")],
    trainable_layers: Annotated[str, typer.Option(help="'all', the number of last layers, or names with commas.")] = "all",
    loss: LossName = LOSS,
    label_smoothing: LabelSmoothing = 0.0,
    huber_delta: HuberDelta = 1.0,
    model_output: ModelOutput = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples per training step.")] = 1,
    method: Annotated[Optional[Method], typer.Option(
        help="Which settings to store as the model's default; v2 if neither this nor --config is given.")] = None,
    ratio: Annotated[float, typer.Option(help="Share of gradients kept by top-k.")] = 0.1,
    config: Annotated[Optional[pathlib.Path], typer.Option(
        help="JSON file with settings of TinyPropConfig, as tune writes it.")] = None,
    settings: Settings = None,
    batch_norm: Annotated[str, typer.Option(help="fold: batch normalisations into the layers before them; or keep them.")] = "fold",
    labels: Annotated[Optional[pathlib.Path], typer.Option(help="Text file with one class name a line.")] = None,
    stateful: Annotated[bool, typer.Option(
        help="Keep the state of LSTM, SVDF and streaming layers from sample to sample, instead of resetting it before each.")] = False,
    verify: Annotated[bool, typer.Option(help="Compare the converted model with the given one on random samples.")] = True,
    overwrite: Overwrite = False,
):
    """Make a model trainable on the device."""
    with support.reported_errors():
        from tflm_tinyprop import convert as convert_model
        from tflm_tinyprop import files

        files.check_writable(output, overwrite=overwrite)
        trainable = convert_model(
            support.read_model(model),
            trainable_layers=support.parse_layers(trainable_layers), batch_size=batch_size,
            loss=support.make_loss(loss, label_smoothing, huber_delta), output=support.parse_output(model_output),
            config=support.stored_config(config, method.value if method else None, ratio, settings),
            labels=support.read_labels(labels), batch_norm=batch_norm, stateful=stateful, verify=verify,
        )
        trainable.save(output, overwrite=overwrite)
        trainable.summary()
        typer.echo(f"\nwrote {output}")


def inspect(
    model: Annotated[pathlib.Path, typer.Argument(help="Trainable .tflite")],
    output_format: Annotated[Format, typer.Option("--format", help="table or json")] = Format.table,
):
    """Show graph, trainable tensors, configuration, decoded custom options and arena sizes."""
    with support.reported_errors():
        from tflm_tinyprop import describe, load

        trainable = load(model)
        if output_format is Format.json:
            typer.echo(json.dumps(describe.as_dict(trainable), indent=2))
        else:
            describe.print_inspection(trainable, typer.echo)


def fit_memory(
    model: Annotated[pathlib.Path, typer.Argument(help=".keras, .h5 or .tflite")],
    ram: Annotated[str, typer.Option(help="RAM for the arena: 65536, 64k, 64KiB or 0.5M (1k is 1,024 bytes).")],
    loss: LossName = LOSS,
    model_output: ModelOutput = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples per training step.")] = 1,
    output_format: Annotated[Format, typer.Option("--format", help="table or json")] = Format.table,
):
    """List how many layers can be trained in a given RAM."""
    with support.reported_errors():
        from tflm_tinyprop import memory_fit
        from tflm_tinyprop.conversion import pipeline

        ram_bytes = memory_fit.parse_bytes(ram)
        source = pipeline.read_source(support.read_model(model), batch_size)
        fits, stopped_by = memory_fit.survey(source, ram_bytes, loss=loss, batch_size=batch_size,
                                             output=support.parse_output(model_output))
        if output_format is Format.json:
            typer.echo(json.dumps(memory_fit.as_dict(fits, ram_bytes, stopped_by), indent=2))
        else:
            memory_fit.print_fits(fits, ram_bytes, stopped_by, typer.echo)
