"""Static channels: the part of a network's output channels that is trained at all (Options.static_channels)."""

from __future__ import annotations

import math

import numpy as np

from tflm_tinyprop.conversion.layer_kinds import kind_of_keras
from tflm_tinyprop.simulate.network import Network


def choose(network: Network, share: float | None) -> tuple[np.ndarray | None, ...]:
    """Of each layer on the backward path the channels that take part, bool [C]; None for all, as in the last layer.

    Without the last layer's exception a class that is not chosen could not be learned.
    """
    if share is None:
        return (None,) * len(network.layers)
    layers = {layer.name: layer for layer in network.model.layers}
    chosen = []
    for sparse in network.layers[:-1]:
        # A frozen layer that is called again has the number of the call behind its name.
        layer = layers.get(sparse.name) or layers[sparse.name.rpartition("_")[0]]
        chosen.append(largest_channels(channel_norms(layer), share))
    return (*chosen, None)


def channel_norms(layer) -> np.ndarray:
    """L2 norm of the kernel of each output channel, [C]."""
    kind, layout = kind_of_keras(layer)
    kernel = np.moveaxis(layout.to_op(np.asarray(layer.kernel, np.float64)), kind.unit_axis, 0)
    return np.sqrt((kernel.reshape(len(kernel), -1) ** 2).sum(axis=1))


def largest_channels(norms: np.ndarray, share: float) -> np.ndarray:
    """bool [C]: the floor(share C + 0.5), at least one, largest; of equal ones the first."""
    count = max(1, math.floor(share * len(norms) + 0.5))
    mask = np.zeros(len(norms), bool)
    mask[np.argsort(-norms, kind="stable")[:count]] = True
    return mask
