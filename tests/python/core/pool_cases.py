"""Random pooling ops."""

import dataclasses

import numpy as np
from cases import random_size

from tflm_tinyprop.reference import PoolWindow, same_padding, valid_padding

PADDINGS = ("SAME", "VALID", "any")


@dataclasses.dataclass
class PoolCase:
    batch: int
    map_size: tuple[int, int]
    output_size: tuple[int, int]
    channels: int
    window: PoolWindow
    padding: str

    @property
    def shape(self) -> list[int]:
        """The fields of Pool2DShape in their order."""
        window = self.window
        sizes = (*self.map_size, *self.output_size, self.channels)
        return [self.batch, *sizes, *window.filter, *window.stride, *window.pad]

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.batch, *self.map_size, self.channels)

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.batch, *self.output_size, self.channels)

    @property
    def overlap(self) -> int:
        """Bound on the number of windows that a tap lies in."""
        return int(np.prod([-(-f // s) for f, s in zip(self.window.filter, self.window.stride)]))


def random_pool(rng, padding: str) -> PoolCase:
    """"any" pads as far as each window keeps a tap inside the map, and may leave the map's end unused."""
    filter_size, stride = _pair(rng.integers(1, 6, 2)), _pair(rng.integers(1, 5, 2))
    map_size = _pair(rng.integers(1, 12, 2))
    if padding == "SAME":
        output_size, pad = same_padding(map_size, filter_size, stride)
    elif padding == "VALID":
        map_size = tuple(max(size, f) for size, f in zip(map_size, filter_size))
        output_size, pad = valid_padding(map_size, filter_size, stride)
    else:
        pad = _pair(rng.integers(0, filter_size))
        output_size = _pair(rng.integers(1, 2 + (np.array(map_size) - 1 + pad) // stride))
    window = PoolWindow(filter_size, stride, pad)
    return PoolCase(int(rng.integers(1, 5)), map_size, output_size, random_size(rng, 9), window, padding)


def _pair(values) -> tuple[int, int]:
    return tuple(int(v) for v in values)
