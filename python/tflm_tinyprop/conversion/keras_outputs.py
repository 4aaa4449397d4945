"""What the outputs of a Keras model are called."""

from __future__ import annotations

from collections.abc import Mapping


def keras_output_names(model) -> list[str]:
    """In Keras' order, that of model.outputs: the keys of a dict, else the names of the layers."""
    structure = getattr(model, "output", None)  # a Sequential model that was never called has none
    if isinstance(structure, Mapping) and len(structure) == len(model.outputs):
        return sorted(structure)
    # A Sequential model has no output names.
    names = list(getattr(model, "output_names", None) or [model.layers[-1].name])
    # A layer that is called twice has one name.
    return [f"{name}_{i}" if names.count(name) > 1 else name for i, name in enumerate(names)]
