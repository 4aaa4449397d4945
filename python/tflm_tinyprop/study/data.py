"""Samples and what a study needs to know about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Samples:
    """x: float32 [N, ...]. y: class indices [N], or x itself for a reconstruction.

    clips: for test windows of recordings, the recording of each window [N]; anomalous: of each recording.
    """

    x: np.ndarray
    y: np.ndarray
    clips: np.ndarray | None = None
    anomalous: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    def where(self, chosen: np.ndarray) -> Samples:
        """The samples that a mask or indices choose."""
        return dataclasses.replace(self, x=self.x[chosen], y=self.y[chosen])

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Samples:
        """With function(x) for x, and for y where that is a reconstruction's target."""
        x = np.ascontiguousarray(function(self.x), np.float32)
        return dataclasses.replace(self, x=x, y=x if self.y.shape == self.x.shape else self.y)


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set ready for a run.

    source: what the start model is trained on; None for a training from scratch. train: what the device learns
    from. classes: None for a reconstruction, whose metric is the AUC. shift: to another domain.
    """

    name: str
    source: Samples | None
    train: Samples
    test: Samples
    classes: int | None
    shift: Callable[[np.ndarray], np.ndarray]

    @property
    def loss(self) -> str:
        return "mean_squared_error" if self.classes is None else "sparse_categorical_crossentropy"

    @property
    def metric(self) -> str:
        return "auc" if self.classes is None else "accuracy"


def stratified(y: np.ndarray, samples: int, generator: np.random.Generator) -> np.ndarray:
    """Sorted indices of `samples` labels, with every class's share kept as well as whole numbers allow."""
    classes, counts = np.unique(y, return_counts=True)
    exact = counts * samples / len(y)
    wanted = np.floor(exact).astype(int)
    # The largest remainders get what is left; a stable order makes ties go to the first class.
    for index in np.argsort(wanted - exact, kind="stable")[: samples - wanted.sum()]:
        wanted[index] += 1
    chosen = [generator.permutation(np.flatnonzero(y == c))[:n] for c, n in zip(classes, wanted, strict=True)]
    return np.sort(np.concatenate(chosen))
