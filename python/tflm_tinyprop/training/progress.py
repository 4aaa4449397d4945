"""Progress bar of fit(), on a terminal only."""

from __future__ import annotations

import sys


class NoProgress:
    """Shows nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def start_epoch(self, epoch: int, steps: int) -> None: ...
    def advance(self, steps: int, logs: dict) -> None: ...
    def end_epoch(self, logs: dict) -> None: ...


class TerminalProgress(NoProgress):
    """One rich bar over all steps of a fit, with the running figures behind it."""

    def __init__(self, epochs: int):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._epochs = epochs
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"), transient=True,
        )
        self._task = None

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *error):
        self._bar.stop()

    def start_epoch(self, epoch: int, steps: int) -> None:
        description = f"epoch {epoch + 1}/{self._epochs}"
        if self._task is None:
            self._task = self._bar.add_task(description, total=steps * (self._epochs - epoch), figures="")
        self._bar.update(self._task, description=description)

    def advance(self, steps: int, logs: dict) -> None:
        self._bar.update(self._task, advance=steps, figures=_figures(logs))

    def end_epoch(self, logs: dict) -> None:
        self._bar.update(self._task, figures=_figures(logs))


def _figures(logs: dict) -> str:
    shown = ("loss", "accuracy", "backward_effort", "val_accuracy")
    return "  ".join(f"{name} {logs[name]:.3f}" for name in shown if name in logs)


def make_progress(verbose, epochs: int) -> NoProgress:
    """verbose: "auto" shows a bar on a terminal, True always, False never."""
    wanted = sys.stdout.isatty() if verbose == "auto" else bool(verbose)
    return TerminalProgress(epochs) if wanted else NoProgress()
