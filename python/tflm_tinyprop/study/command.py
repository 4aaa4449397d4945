"""`tinyprop study`: reads studies, runs what is missing, writes results and report."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

from tflm_tinyprop.errors import ConfigError
from tflm_tinyprop.study import blocks, datasets, parse, plan, pool, report, results
from tflm_tinyprop.study.progress import StudyProgress
from tflm_tinyprop.study.settings import RunSettings
from tflm_tinyprop.study.store import Store


@dataclasses.dataclass(frozen=True)
class Summary:
    """runs: different ones. executed: of them, now. failed: those without a result."""

    runs: int
    executed: int
    failed: tuple[RunSettings, ...]


def run_study(paths: Sequence[pathlib.Path], out: pathlib.Path, *, data: pathlib.Path | None = None, jobs: int = 2,
              download: bool = False, report_folder: pathlib.Path | None = None, dry_run: bool = False,
              echo: Callable[[str], None] = print) -> Summary:
    """Runs every experiment of the YAML files and reports on them together.

    Args:
        paths: the files.
        out: folder of runs and start models; a run that is finished there is not repeated.
        data: folder of the data sets; TINYPROP_DATA_DIR if None.
        jobs: child processes at a time.
        download: lets Keras fetch data sets from the network.
        report_folder: of results.csv, results.json, report.md and report.html; `out` if None.
        dry_run: only says what would be run.

    Raises:
        ConfigError, DataError: a file is wrong, or a data set missing; nothing was run.
        KeyboardInterrupt: finished runs are kept; the report is not written.
    """
    studies = [parse.load_study(path) for path in paths]
    names = [study.name for study in studies]
    if len(set(names)) < len(names):
        raise ConfigError(f"two studies have the same file name: {', '.join(map(str, paths))}")
    planned = plan.planned_runs(studies)
    everything = pool.unique(run.settings for run in planned)
    store = Store(out)
    wanted = pool.missing(everything, store)
    if dry_run:
        _list_runs(everything, wanted, echo)
        return Summary(len(everything), 0, ())
    places = datasets.Places(_data_folder(data), download)
    # Looked for where something is still to be run only: a report needs no data.
    for settings in {s.data: s.data for s in wanted}.values():
        datasets.check_available(settings, places)
    shown = StudyProgress(len(everything) - len(wanted), shown=sys.stdout.isatty())
    failed = pool.run_missing(wanted, store, places, jobs, shown)
    write_report(studies, planned, store, report_folder or out)
    return Summary(len(everything), len(wanted), tuple(failed))


def write_report(studies, planned, store: Store, folder: pathlib.Path) -> None:
    """Writes results.csv, results.json, report.md with its pictures, and report.html."""
    outcomes = results.collect(planned, store)
    results.write(folder, results.rows(outcomes))
    blocks.write(folder, report.TITLE, report.report(studies, outcomes))


def _data_folder(data: pathlib.Path | None) -> pathlib.Path | None:
    named = data or os.environ.get("TINYPROP_DATA_DIR")
    return pathlib.Path(named) if named else None


def _list_runs(everything: list[RunSettings], wanted: list[RunSettings], echo) -> None:
    ids = {s.id for s in wanted}
    for settings in everything:
        epochs = f"{settings.epochs} epochs" if settings.method.name != "none" else "no training"
        echo(f"{settings.id}  {'to run' if settings.id in ids else 'finished'}  {settings.describe()}, {epochs}")
    starts = {s.start_id for s in wanted}
    echo(f"{len(everything)} runs, {len(wanted)} of them to run, with {len(starts)} start models")
