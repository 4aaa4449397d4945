"""The weights of a Keras model under names of their own: what import and export agree on."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class KerasWeight:
    """A variable of a Keras model.

    name: 'layer/weight', unique in the model; the layer's name alone is not, nor the weight's. layer: name of its layer,
    unique likewise. kind: names of the layer's class and its base classes.
    """

    name: str
    layer: str
    kind: frozenset[str]
    variable: Any

    @property
    def is_batch_norm(self) -> bool:
        return "BatchNormalization" in self.kind


def keras_weights(model) -> list[KerasWeight]:
    """Every variable of the model once, layer by layer, those of nested models included.

    The names depend on the model's layers and nothing else: 'dense/kernel', 'separable_conv2d/depthwise_kernel',
    'bidirectional/forward_lstm/lstm_cell/kernel'. Layers of equal name in different nested models get a number.
    """
    seen: set[int] = set()
    layers: set[str] = set()
    found = []
    for owner in _owners(model):
        own = [v for v in owner.variables if id(v) not in seen]
        if not own:
            continue
        seen.update(id(v) for v in own)
        layer = unique(owner.name, layers)
        kind = frozenset(cls.__name__ for cls in type(owner).__mro__)
        found += [
            KerasWeight(f"{layer}/{name}", layer, kind, variable)
            for name, variable in zip(_names_within(owner.name, own), own, strict=True)
        ]
    return found


def flat_layers(model) -> Iterator[Any]:
    """All layers, those of nested models instead of the models."""
    return (owner for owner in _owners(model) if not is_keras_model(owner))


def _owners(model) -> Iterator[Any]:
    """The layers, with those of nested models, and behind them the model itself, which may have weights of its own."""
    for layer in model.layers:
        if is_keras_model(layer):
            yield from _owners(layer)
        else:
            yield layer
    yield model


def is_keras_model(model) -> bool:
    """True for a Keras model; does not import Keras unless the caller has."""
    return any(
        cls.__name__ in ("Model", "Sequential") and cls.__module__.startswith("keras")
        for cls in type(model).__mro__
    )


def copy_state(layer, copy) -> None:
    """Gives a layer's weights to a copy of it, with what the layer derives from them: mean and variance of a Normalization."""
    copy.set_weights(layer.get_weights())
    if hasattr(copy, "finalize_state"):
        copy.finalize_state()


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number behind it if it is taken; takes it."""
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    taken.add(candidate)
    return candidate


def _names_within(layer: str, variables: list) -> list[str]:
    """Names of a layer's variables: as much of the end of their paths as tells them apart."""
    paths = [_path_within(layer, variable.path) for variable in variables]
    depths = [1] * len(paths)
    for _ in range(max(map(len, paths))):
        names = ["/".join(path[-depth:]) for path, depth in zip(paths, depths, strict=True)]
        depths = [depth + (names.count(name) > 1) for depth, name in zip(depths, names, strict=True)]
    taken: set[str] = set()
    return [unique(name, taken) for name in names]


def _path_within(layer: str, path: str) -> list[str]:
    parts = path.split("/")
    return parts[parts.index(layer) + 1:] if layer in parts[:-1] else parts


@dataclasses.dataclass(frozen=True)
class WeightPart:
    """A rectangular part of a weight, or all of it.

    name: 'lstm/kernel', 'gru/bias[0:1,:]'. box: what it is of the variable. positions: flat positions in the variable, in
    the part's shape.
    """

    name: str
    box: tuple[slice, ...]
    positions: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.positions.shape


def part_of(weight: KerasWeight, positions: np.ndarray | None) -> WeightPart | None:
    """The part with the elements at these flat positions, in whatever order; None if they are no such part."""
    if positions is None:
        return None
    shape = tuple(weight.variable.shape)
    indices = np.unravel_index(np.sort(positions.reshape(-1)), shape) if shape else ()
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in indices)
    part = _part(weight, box)
    return part if np.array_equal(np.sort(positions.reshape(-1)), part.positions.reshape(-1)) else None


def find_part(weights: dict[str, KerasWeight], name: str) -> tuple[KerasWeight, WeightPart] | None:
    """The weight and the part that a tensor's name speaks of."""
    found = re.fullmatch(r"(.*?)(?:\[([\d:,]+)\])?", name)
    weight = weights.get(found[1])
    if weight is None:
        return None
    shape = tuple(weight.variable.shape)
    bounds = [text.split(":") for text in found[2].split(",")] if found[2] else [["", ""]] * len(shape)
    if len(bounds) != len(shape) or any(len(b) != 2 for b in bounds):
        return None
    box = tuple(slice(int(a or 0), int(b or size)) for (a, b), size in zip(bounds, shape, strict=True))
    return weight, _part(weight, box)


def _part(weight: KerasWeight, box: tuple[slice, ...]) -> WeightPart:
    shape = tuple(weight.variable.shape)
    bounds = [":" if (s.start, s.stop) == (0, size) else f"{s.start}:{s.stop}" for s, size in zip(box, shape, strict=True)]
    name = weight.name if all(b == ":" for b in bounds) else f"{weight.name}[{','.join(bounds)}]"
    return WeightPart(name, box, np.arange(math.prod(shape)).reshape(shape)[box])
