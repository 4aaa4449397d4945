"""trainable_layers: "all", a number of last layers, or names. The same for a graph and for a Keras model."""

from __future__ import annotations

from collections.abc import Sequence

from tflm_tinyprop.errors import ModelError


def choose(names: Sequence[str], wanted) -> list[int]:
    """Positions of the layers that are wanted, among all of them from input to output.

    Raises ModelError, with the layers that there are, if there is no such layer.
    """
    if isinstance(wanted, str) and wanted == "all":
        return list(range(len(names)))
    if isinstance(wanted, bool) or wanted is None:
        raise ModelError(f"trainable_layers must be 'all', a number or names, got {wanted!r}")
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(names):
            raise ModelError(f"trainable_layers={wanted}, but the model has {len(names)} layers: {', '.join(names)}")
        return list(range(len(names) - wanted, len(names)))
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in wanted if name not in names]
    if unknown or not wanted:
        raise ModelError(f"trainable_layers names {', '.join(map(repr, unknown)) or 'nothing'}; "
                         f"the model's layers are {', '.join(names)}")
    return [position for position, name in enumerate(names) if name in wanted]
