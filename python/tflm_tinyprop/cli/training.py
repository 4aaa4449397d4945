"""Commands that run a model: train, evaluate."""

from __future__ import annotations

import enum
import pathlib
from typing import Annotated, Optional

import typer

from tflm_tinyprop.cli import support
from tflm_tinyprop.cli.arguments import Data, Method, Overwrite, Settings


class Schedule(str, enum.Enum):
    constant = "constant"
    cosine = "cosine"


def train(
    model: Annotated[pathlib.Path, typer.Argument(help="Trainable .tflite")],
    data: Data,
    output: Annotated[Optional[pathlib.Path], typer.Option(help="Ordinary .tflite with the trained weights.")] = None,
    weights: Annotated[Optional[pathlib.Path], typer.Option(help="Weight record to write.")] = None,
    initial_weights: Annotated[Optional[pathlib.Path], typer.Option(help="Weight record to start from.")] = None,
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 0.02,
    schedule: Annotated[Schedule, typer.Option(help="cosine: linear warm-up, then cosine annealing.")] = Schedule.cosine,
    warmup: Annotated[float, typer.Option(min=0, max=1, help="Share of the steps that warm up.")] = 0.025,
    method: Annotated[Optional[Method], typer.Option(help="Default: the model's own configuration.")] = None,
    ratio: Annotated[float, typer.Option(help="Share of gradients kept by top-k.")] = 0.1,
    settings: Settings = None,
    seed: Annotated[int, typer.Option(help="Of the order of the samples.")] = 0,
    overwrite: Overwrite = False,
):
    """Train a model in the TFLM interpreter. Ctrl-C keeps what was learnt so far."""
    with support.reported_errors():
        from tflm_tinyprop import Trainer, files, load
        from tflm_tinyprop.training.schedules import WarmupCosine

        for path in filter(None, (output, weights)):
            files.check_writable(path, overwrite=overwrite)
        trainable = load(model)
        config = support.make_config(method.value if method else None, ratio, settings, trainable.config)
        trainer = Trainer(trainable, config=config)
        if initial_weights:
            trainer.load_weights(initial_weights)
        x, y, validation = support.load_data(data)
        rate = learning_rate if schedule is Schedule.constant else WarmupCosine.over(
            epochs * -(-len(y) // trainable.batch_size), learning_rate, warmup=warmup, first_step=trainer.step)
        interrupted = False
        try:
            trainer.fit(x, y, epochs=epochs, learning_rate=rate, validation_data=validation, seed=seed,
                        callbacks=[support.EpochPrinter()])
        except KeyboardInterrupt:
            interrupted = True
            typer.echo(f"stopped after step {trainer.step}", err=True)
        if output:
            trainer.to_tflite(output, overwrite=overwrite)
            typer.echo(f"wrote {output}")
        if weights:
            trainer.save_weights(weights, overwrite=overwrite)
            typer.echo(f"wrote {weights}")
        if interrupted:
            raise typer.Exit(130)


def evaluate(
    model: Annotated[pathlib.Path, typer.Argument(help="Trainable .tflite")],
    data: Data,
    weights: Annotated[Optional[pathlib.Path], typer.Option(help="Weight record to use.")] = None,
):
    """Loss and accuracy on the test part of the data."""
    with support.reported_errors():
        from tflm_tinyprop import Trainer, load

        trainer = Trainer(load(model))
        if weights:
            trainer.load_weights(weights)
        x, y, validation = support.load_data(data)
        typer.echo(support.figures(trainer.evaluate(*(validation or (x, y)))))
