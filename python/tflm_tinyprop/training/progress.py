"""Progress of whatever takes long: on a terminal a bar with the time that is left, elsewhere lines only."""

from __future__ import annotations

import sys


class Progress:
    """One bar, with lines above it. shown: whether there is a bar; out: where lines go without one."""

    def __init__(self, shown: bool, *, transient: bool = False, out=None):
        self._out = out
        self._bar = self._task = None
        if shown:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            # Names may hold what Rich would take for markup.
            self._bar = Bar(TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("left"),
                            TimeRemainingColumn(), TextColumn("{task.fields[figures]}", markup=False), transient=transient)

    def __enter__(self):
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *error):
        if self._bar:
            self._bar.stop()

    def begin(self, description: str, total: int) -> None:
        """A new bar in place of the last one."""
        if self._bar:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(description, total=total, figures="")

    def update(self, **changes) -> None:
        """advance, description, figures: what stands behind the bar."""
        if self._bar:
            self._bar.update(self._task, **changes)

    def line(self, text: str) -> None:
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._out, flush=True)


def wanted(verbose) -> bool:
    """verbose: "auto" shows a bar on a terminal, True always, False never."""
    return sys.stdout.isatty() if verbose == "auto" else bool(verbose)


def figures(logs: dict) -> str:
    """The figures of a training that stand behind its bar."""
    shown = ("loss", "accuracy", "backward_effort", "val_accuracy")
    return "  ".join(f"{name} {logs[name]:.3f}" for name in shown if name in logs)
