"""How the command line shows a search."""

from __future__ import annotations

from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.tuning.result import Tried, TuneResult

_SEARCHED = ("s_min", "s_max", "zeta", "threshold")
_BEST = 10


def settings(config: TinyPropConfig) -> str:
    return ", ".join(f"{name} {getattr(config, name):g}" for name in _SEARCHED)


def lines(result: TuneResult) -> list[str]:
    """The best trials, the Pareto front, and last what was chosen."""
    return [
        f"best of {len(result.tried)} trials ({result.pruned} more were given up; * within the budget of "
        f"{result.budget:g}):", *_rows(result, result.best[:_BEST]), "",
        f"Pareto front of {result.metric} and backward effort:", *_rows(result, result.front), "",
        conclusion(result),
    ]


def conclusion(result: TuneResult) -> str:
    full = f"full training: {result.metric} {result.full_score:.4f}"
    if result.chosen is None:
        found = "none was trained to the end" if result.cheapest is None else (
            f"the cheapest has {result.cheapest.effort:.4f} and {result.metric} {result.cheapest.score:.4f} with "
            f"{settings(result.cheapest.config)}")
        return f"no trial has a backward effort within the budget of {result.budget:g}; {found}; {full}"
    chosen = result.chosen
    return (f"chosen: {settings(chosen.config)}: {result.metric} {chosen.score:.4f} with backward effort "
            f"{chosen.effort:.4f}; {full}")


def _rows(result: TuneResult, tried: list[Tried]) -> list[str]:
    header = f"  {'trial':>5}  {result.metric:>8}  {'effort':>7}  " + "  ".join(f"{name:>9}" for name in _SEARCHED)
    return [header, *(
        f"{'*' if t.effort <= result.budget else ' '} {t.number:>5}  {t.score:>8.4f}  {t.effort:>7.4f}  "
        + "  ".join(f"{getattr(t.config, name):>9g}" for name in _SEARCHED) for t in tried)]
