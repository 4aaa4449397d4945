"""TinyProp simulated in Keras: the ops' algorithm for a whole batch at once, on a CPU or a GPU.

For exploring settings, and for methods that the ops do not have. What a device does is trained in the interpreter
(tflm_tinyprop.Trainer); the tests hold the simulation to it.
"""

import importlib
from typing import TYPE_CHECKING

from tflm_tinyprop.simulate.options import DECISION_DECAY, DECISIONS, SELECTIONS

if TYPE_CHECKING:
    from tflm_tinyprop.simulate.simulation import TinyPropSimulation
    from tflm_tinyprop.simulate.totals import StepRecord

__all__ = ["DECISIONS", "DECISION_DECAY", "SELECTIONS", "StepRecord", "TinyPropSimulation"]
# Imported on first use, because they need Keras and whoever asks for the options does not.
_MODULE_OF = {"TinyPropSimulation": "simulation", "StepRecord": "totals"}


def __getattr__(name: str):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
