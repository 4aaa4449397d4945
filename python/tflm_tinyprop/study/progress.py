"""What is said of a study while it runs: one line a run, above the bar that a terminal shows."""

from __future__ import annotations

from tflm_tinyprop.study.settings import RunSettings
from tflm_tinyprop.study.store import FAILED
from tflm_tinyprop.training.progress import Progress


class StudyProgress(Progress):
    """kept: finished runs that need not be repeated."""

    def __init__(self, kept: int, out=None, *, shown: bool = False):
        super().__init__(shown, out=out)
        self._kept = kept
        self._done = self._total = 0

    def starts(self, count: int) -> None:
        if count:
            self.line(f"{count} start models")
            self.begin("start models", count)

    def start_ended(self, settings: RunSettings, ok: bool) -> None:
        if not ok:
            self.line(f"no start model for {settings.data.label}, {settings.model.label}, seed {settings.seed}")
        self.update(advance=1)

    def runs(self, count: int) -> None:
        self._total = count
        kept = f"; {self._kept} are there already" if self._kept else ""
        self.line(f"{count} runs{kept}")
        self.begin("runs", count)

    def run_ended(self, settings: RunSettings, result: dict) -> None:
        self._done += 1
        self.line(f"{self._done}/{self._total}  {settings.describe()}: {outcome(result)}")
        self.update(advance=1)


def outcome(result: dict) -> str:
    """A result in a few words."""
    if result["status"] == FAILED:
        return f"FAILED, {result['error']}"
    final, metric = result["final"], result["metric"]
    value = "not a number" if final[metric] is None else f"{final[metric]:.4f}"
    return (f"{metric} {value}, backward effort {final['backward_effort']:.3f}, skipped {final['skip_rate']:.3f}, "
            f"{result['seconds']:.0f} s")
