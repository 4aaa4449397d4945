"""Progress of a study: a bar with the time that is left on a terminal, elsewhere one line a run."""

from __future__ import annotations

import sys

from tflm_tinyprop.study.settings import RunSettings
from tflm_tinyprop.study.store import FAILED


class StudyProgress:
    """One line per run. kept: finished runs that need not be repeated."""

    def __init__(self, kept: int, out=None):
        self._kept = kept
        self._out = out or sys.stdout
        self._done = self._total = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def starts(self, count: int) -> None:
        if count:
            self._print(f"{count} start models")

    def start_ended(self, settings: RunSettings, ok: bool) -> None:
        if not ok:
            self._print(f"no start model for {settings.data.label}, {settings.model.label}, seed {settings.seed}")

    def runs(self, count: int) -> None:
        self._total = count
        kept = f"; {self._kept} are there already" if self._kept else ""
        self._print(f"{count} runs{kept}")

    def run_ended(self, settings: RunSettings, result: dict) -> None:
        self._done += 1
        self._print(f"{self._done}/{self._total}  {settings.describe()}: {outcome(result)}")

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)


class TerminalProgress(StudyProgress):
    """A rich bar below the lines."""

    def __init__(self, kept: int):
        super().__init__(kept)
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                             TextColumn("left"), TimeRemainingColumn())
        self._task = None

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *error):
        self._bar.stop()

    def starts(self, count: int) -> None:
        if count:
            self._task = self._bar.add_task("start models", total=count)

    def start_ended(self, settings: RunSettings, ok: bool) -> None:
        super().start_ended(settings, ok)
        self._bar.advance(self._task)

    def runs(self, count: int) -> None:
        super().runs(count)
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task("runs", total=count)

    def run_ended(self, settings: RunSettings, result: dict) -> None:
        super().run_ended(settings, result)
        self._bar.advance(self._task)

    def _print(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False)


def outcome(result: dict) -> str:
    """A result in a few words."""
    if result["status"] == FAILED:
        return f"FAILED, {result['error']}"
    final, metric = result["final"], result["metric"]
    value = "not a number" if final[metric] is None else f"{final[metric]:.4f}"
    return (f"{metric} {value}, backward effort {final['backward_effort']:.3f}, skipped {final['skip_rate']:.3f}, "
            f"{result['seconds']:.0f} s")


def make_progress(kept: int) -> StudyProgress:
    return TerminalProgress(kept) if sys.stdout.isatty() else StudyProgress(kept)
