"""The command line `tinyprop`: the same verbs as the Python interface."""

from __future__ import annotations

import contextlib
import enum
import json
import pathlib
from typing import Annotated, Optional

import typer

from tflm_tinyprop import cli_support as support

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="On-device training for TensorFlow Lite Micro with TinyPropv2.",
)

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Data = Annotated[pathlib.Path, typer.Option(help=".npz with x_train, y_train, x_test, y_test, or x and y.")]
Settings = Annotated[Optional[list[str]], typer.Option(
    "--set", help="A setting of TinyPropConfig, as name=value; may be repeated.")]


class Method(str, enum.Enum):
    full = "full"
    top_k = "top-k"
    v1 = "v1"
    v2 = "v2"


class Schedule(str, enum.Enum):
    constant = "constant"
    cosine = "cosine"


class Target(str, enum.Enum):
    table = "table"
    json = "json"


class Ecosystem(str, enum.Enum):
    generic = "generic"
    esp_idf = "esp-idf"
    arduino = "arduino"
    zephyr = "zephyr"
    platformio = "platformio"


@app.command()
def demo(
    out: Annotated[pathlib.Path, typer.Option(help="Folder for models, pictures and reports.")] = pathlib.Path("out/demo"),
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds.")] = 3,
):
    """Adapt a digit classifier to shifted data in the TFLM interpreter, with every method."""
    from tflm_tinyprop.demo import run_demo

    with support.reported_errors():
        run_demo(out, seeds=tuple(range(seeds)))


@app.command()
def convert(
    model: Annotated[pathlib.Path, typer.Argument(help=".keras, .h5 or .tflite")],
    output: Annotated[pathlib.Path, typer.Argument(help="Trainable .tflite to write.")],
    trainable_layers: Annotated[str, typer.Option(help="'all', the number of last layers, or names with commas.")] = "all",
    loss: Annotated[str, typer.Option(help="sparse_categorical_crossentropy, categorical_crossentropy or mean_squared_error.")] = "sparse_categorical_crossentropy",
    batch_size: Annotated[int, typer.Option(min=1, help="Samples per training step.")] = 1,
    method: Annotated[Optional[Method], typer.Option(
        help="Which settings to store as the model's default; v2 if neither this nor --config is given.")] = None,
    ratio: Annotated[float, typer.Option(help="Share of gradients kept by top-k.")] = 0.1,
    config: Annotated[Optional[pathlib.Path], typer.Option(
        help="JSON file with settings of TinyPropConfig, as tune writes it.")] = None,
    settings: Settings = None,
    labels: Annotated[Optional[pathlib.Path], typer.Option(help="Text file with one class name a line.")] = None,
    overwrite: Overwrite = False,
):
    """Make a model trainable on the device."""
    with support.reported_errors():
        from tflm_tinyprop import files
        from tflm_tinyprop.conversion import convert as convert_model

        files.check_writable(output, overwrite=overwrite)
        trainable = convert_model(
            support.read_model(model),
            trainable_layers=support.parse_layers(trainable_layers), loss=loss, batch_size=batch_size,
            config=support.stored_config(config, method.value if method else None, ratio, settings),
            labels=support.read_labels(labels),
        )
        trainable.save(output, overwrite=overwrite)
        trainable.summary()
        typer.echo(f"\nwrote {output}")


@app.command()
def inspect(
    model: Annotated[pathlib.Path, typer.Argument(help="Trainable .tflite")],
    output_format: Annotated[Target, typer.Option("--format", help="table or json")] = Target.table,
):
    """Show graph, trainable tensors, configuration, decoded custom options and arena sizes."""
    with support.reported_errors():
        from tflm_tinyprop import describe, load

        trainable = load(model)
        if output_format is Target.json:
            typer.echo(json.dumps(describe.as_dict(trainable), indent=2))
        else:
            describe.print_inspection(trainable, typer.echo)


@app.command()
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

        for path in filter(None, (output, weights)):
            files.check_writable(path, overwrite=overwrite)
        trainable = load(model)
        config = support.make_config(method.value if method else None, ratio, settings, trainable.config)
        trainer = Trainer(trainable, config=config)
        if initial_weights:
            trainer.load_weights(initial_weights)
        x, y, validation = support.load_data(data)
        rate = support.make_schedule(
            schedule.value, learning_rate, epochs * -(-len(y) // trainable.batch_size), warmup, trainer.step
        )
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


@app.command()
def tune(
    model: Annotated[pathlib.Path, typer.Argument(help=".keras, .h5 or .tflite; every trial starts from its weights.")],
    data: Data,
    budget: Annotated[float, typer.Option(help="Largest backward effort, as a share of full backpropagation.")] = 0.10,
    output: Annotated[pathlib.Path, typer.Option(help="Configuration to write, for convert --config.")] = pathlib.Path(
        "tinyprop_config.json"),
    storage: Annotated[Optional[pathlib.Path], typer.Option(
        help="File of the search, which goes on there; default: the output with suffix .journal.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Configurations to try, the default first.")] = 50,
    epochs: Annotated[int, typer.Option(min=1, help="Of each training.")] = 10,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate; warm-up and cosine as for train.")] = 0.02,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples per training step.")] = 1,
    trainable_layers: Annotated[str, typer.Option(help="As for convert.")] = "all",
    loss: Annotated[str, typer.Option(help="As for convert.")] = "sparse_categorical_crossentropy",
    seed: Annotated[int, typer.Option(min=0, help="Of the split, the order of the samples and the search.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings per trial; their means count.")] = 1,
    validation_share: Annotated[float, typer.Option(help="Share of the training part to judge by.")] = 0.2,
    overwrite: Overwrite = False,
):
    """Search the settings with the best accuracy within a budget of backward effort; goes on after Ctrl-C."""
    with support.reported_errors():
        from tflm_tinyprop import config_file, files
        from tflm_tinyprop import tune as search
        from tflm_tinyprop.tuning import table

        files.check_writable(output, overwrite=overwrite)
        x, y, _ = support.load_data(data)  # the test part decides nothing
        result = search(
            support.read_model(model), x, y, budget=budget, trials=trials, epochs=epochs, learning_rate=learning_rate,
            batch_size=batch_size, trainable_layers=support.parse_layers(trainable_layers), loss=loss, seed=seed,
            seeds=seeds, validation_share=validation_share, storage=storage or output.with_suffix(".journal"),
            echo=typer.echo)
        *found, conclusion = table.lines(result)
        typer.echo("\n".join(["", *found]))
        if result.chosen:
            config_file.write_config(output, result.chosen.config, overwrite=overwrite)
            typer.echo(f"wrote {output}, for tinyprop convert --config")
        typer.echo(conclusion)
        if not result.chosen:
            raise typer.Exit(1)


@app.command()
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


@app.command()
def embed(
    model: Annotated[pathlib.Path, typer.Argument(help="Trainable .tflite")],
    out: Annotated[pathlib.Path, typer.Option(help="Folder to write.")],
    target: Annotated[Ecosystem, typer.Option(help="What the folder builds with.")] = Ecosystem.generic,
    data: Annotated[Optional[pathlib.Path], typer.Option(
        help=".npz as for train; its first sample becomes the self-test. Default: a pseudo-random sample.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what embed wrote there before.")] = False,
):
    """Write a folder with firmware that trains the model on a device and checks itself at start."""
    with support.reported_errors():
        from tflm_tinyprop.firmware import embed as embed_model

        pair = support.load_data(data)[:2] if data else None
        firmware = embed_model(model, out, target=target.value, overwrite=overwrite, data=pair)
        typer.echo(f"wrote {firmware.folder} for {firmware.target}, {len(firmware.files)} files: model "
                   f"{firmware.model_bytes:,} bytes, arena {firmware.arena_bytes:,} bytes, {len(firmware.ops)} ops")
        typer.echo(f"its README.md says how to build it; samples and settings go into {', '.join(firmware.editable)}")


@app.command()
def fit_memory(
    model: Annotated[pathlib.Path, typer.Argument(help=".keras, .h5 or .tflite")],
    ram: Annotated[str, typer.Option(help="RAM for the arena: 65536, 64k, 64KiB or 0.5M (1k is 1,024 bytes).")],
    loss: Annotated[str, typer.Option(help="As for convert.")] = "sparse_categorical_crossentropy",
    batch_size: Annotated[int, typer.Option(min=1, help="Samples per training step.")] = 1,
    output_format: Annotated[Target, typer.Option("--format", help="table or json")] = Target.table,
):
    """List how many layers can be trained in a given RAM."""
    with support.reported_errors():
        from tflm_tinyprop import conversion, memory_fit

        ram_bytes = memory_fit.parse_bytes(ram)
        source = conversion.read_source(support.read_model(model), batch_size)
        fits, stopped_by = memory_fit.survey(source, ram_bytes, loss=loss, batch_size=batch_size)
        if output_format is Target.json:
            typer.echo(json.dumps(memory_fit.as_dict(fits, ram_bytes, stopped_by), indent=2))
        else:
            memory_fit.print_fits(fits, ram_bytes, stopped_by, typer.echo)


@app.command()
def study(
    files: Annotated[list[pathlib.Path], typer.Argument(help="YAML files; studies/README.md describes their keys.")],
    out: Annotated[pathlib.Path, typer.Option(help="Folder of runs; finished ones are kept.")] = pathlib.Path("out/study"),
    data: Annotated[Optional[pathlib.Path], typer.Option(
        help="Folder of the data sets.", envvar="TINYPROP_DATA_DIR")] = None,
    report: Annotated[Optional[pathlib.Path], typer.Option(help="Folder of report and results; default: --out.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 2,
    download: Annotated[bool, typer.Option("--download", help="Let Keras fetch its data sets from the network.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the runs.")] = False,
):
    """Compare methods over data sets, models and seeds; goes on where an interrupted study stopped."""
    with support.reported_errors():
        from tflm_tinyprop.study import run_study

        summary = run_study(files, out, data=data, jobs=jobs, download=download, report_folder=report,
                            dry_run=dry_run, echo=typer.echo)
        if summary.failed:
            typer.echo(f"{len(summary.failed)} of {summary.runs} runs failed; the report lists their errors", err=True)
            raise typer.Exit(1)


@app.command()
def doctor():
    """Check wheel, plugin, compiler and packages, and say what to do."""
    from tflm_tinyprop.doctor import run_checks

    healthy = True
    for check in run_checks():
        healthy &= check.ok
        typer.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}")
    if not healthy:
        raise typer.Exit(1)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        app()
