"""Commands that compare and search settings: demo, tune, study."""

from __future__ import annotations

import pathlib
from typing import Annotated, Optional

import typer

from tflm_tinyprop.cli import support
from tflm_tinyprop.cli.arguments import LOSS, Data, HuberDelta, LabelSmoothing, LongModelOutput, LossName, Overwrite


def demo(
    out: Annotated[pathlib.Path, typer.Option(help="Folder for models, pictures and reports.")] = pathlib.Path("out/demo"),
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds.")] = 3,
):
    """Adapt a digit classifier to shifted data in the TFLM interpreter, with every method."""
    from tflm_tinyprop.demo import run_demo

    with support.reported_errors():
        run_demo(out, seeds=tuple(range(seeds)))


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
    loss: LossName = LOSS,
    label_smoothing: LabelSmoothing = 0.0,
    huber_delta: HuberDelta = 1.0,
    model_output: LongModelOutput = None,
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
            batch_size=batch_size, trainable_layers=support.parse_layers(trainable_layers), seed=seed,
            loss=support.make_loss(loss, label_smoothing, huber_delta), output=support.parse_output(model_output),
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
