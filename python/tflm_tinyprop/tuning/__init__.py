"""Search for the settings of TinyProp that keep the accuracy within a budget of backward effort.

    problem (data, model, one training) -> search (Optuna's trials, in a journal) -> result -> table

    result = tp.tune(keras_model, x, y, budget=0.10, trials=50, epochs=10)
    result.chosen.config, result.chosen.score, result.chosen.effort, result.full_score
"""

from tflm_tinyprop.tuning.result import Tried, TuneResult
from tflm_tinyprop.tuning.search import tune

__all__ = ["Tried", "TuneResult", "tune"]
