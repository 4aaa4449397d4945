"""What a search found."""

from __future__ import annotations

import dataclasses

from tflm_tinyprop.config import TinyPropConfig


@dataclasses.dataclass(frozen=True)
class Tried:
    """A configuration that was trained to the end.

    score: validation accuracy or, for a regression, loss; effort: backward effort. Both are means over the
    seeds, the effort over the epochs too.
    """

    number: int
    config: TinyPropConfig
    score: float
    effort: float


@dataclasses.dataclass(frozen=True)
class TuneResult:
    """metric: "accuracy" or "loss". tried: in order; the first is the default. pruned: trials that were given up.

    full_score: of full backpropagation with the same seeds.
    """

    budget: float
    metric: str
    tried: tuple[Tried, ...]
    pruned: int
    full_score: float

    def quality(self, tried: Tried) -> float:
        """The score, turned so that more is better."""
        return tried.score if self.metric == "accuracy" else -tried.score

    @property
    def chosen(self) -> Tried | None:
        """The best one within the budget, the cheapest of equals; None if none is within it."""
        return max((t for t in self.tried if t.effort <= self.budget), default=None,
                   key=lambda t: (self.quality(t), -t.effort))

    @property
    def cheapest(self) -> Tried | None:
        return min(self.tried, key=lambda t: t.effort, default=None)

    @property
    def best(self) -> list[Tried]:
        """Those within the budget first, the better ones first among each."""
        return sorted(self.tried, key=lambda t: (t.effort > self.budget, -self.quality(t), t.effort))

    @property
    def front(self) -> list[Tried]:
        """The Pareto front, cheapest first: each is better than everything that costs no more."""
        front: list[Tried] = []
        for tried in sorted(self.tried, key=lambda t: (t.effort, -self.quality(t))):
            if not front or self.quality(tried) > self.quality(front[-1]):
                front.append(tried)
        return front
