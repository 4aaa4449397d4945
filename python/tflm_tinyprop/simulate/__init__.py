"""TinyProp simulated in Keras: the ops' algorithm for a whole batch at once, on a CPU or a GPU.

For exploring settings, and for methods that the ops do not have. What a device does is trained in the interpreter
(tflm_tinyprop.Trainer); the tests hold the simulation to it.
"""

from tflm_tinyprop.simulate.options import DECISION_DECAY, DECISIONS, SELECTIONS
from tflm_tinyprop.simulate.simulation import TinyPropSimulation
from tflm_tinyprop.simulate.totals import StepRecord

__all__ = ["DECISIONS", "DECISION_DECAY", "SELECTIONS", "StepRecord", "TinyPropSimulation"]
