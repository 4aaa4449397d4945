"""On-device training for TensorFlow Lite Micro with TinyPropv2.

    import tflm_tinyprop as tp

    model = tp.convert(keras_model, trainable_layers="all", config=tp.TinyPropConfig.v2())
    trainer = tp.Trainer(model)                  # the real TFLM interpreter
    history = trainer.fit(x, y, epochs=10, learning_rate=0.05)
    trainer.to_tflite("tuned.tflite")            # ordinary inference model with the trained weights
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Imported on first use, so that `tinyprop doctor` runs where the wheel or the plugin is broken.
_MODULE_OF = {
    "TinyPropConfig": "config",
    "ArenaError": "errors", "ConfigError": "errors", "DataError": "errors", "HostError": "errors",
    "ModelError": "errors", "TinyPropError": "errors",
    "embed": "firmware",
    "Loss": "conversion.losses",
    "SampleStatus": "format.sample_status",
    "fit_memory": "memory_fit",
    "TrainableModel": "trainable_model", "convert": "trainable_model", "load": "trainable_model",
    "Callback": "training.callbacks", "History": "training.callbacks", "StepRecorder": "training.callbacks",
    "Trainer": "training.trainer",
    "TuneResult": "tuning", "tune": "tuning",
}
__all__ = sorted(_MODULE_OF)

if TYPE_CHECKING:
    from tflm_tinyprop.config import TinyPropConfig
    from tflm_tinyprop.conversion.losses import Loss
    from tflm_tinyprop.errors import (
        ArenaError,
        ConfigError,
        DataError,
        HostError,
        ModelError,
        TinyPropError,
    )
    from tflm_tinyprop.firmware import embed
    from tflm_tinyprop.format.sample_status import SampleStatus
    from tflm_tinyprop.memory_fit import fit_memory
    from tflm_tinyprop.trainable_model import TrainableModel, convert, load
    from tflm_tinyprop.training.callbacks import Callback, History, StepRecorder
    from tflm_tinyprop.training.trainer import Trainer
    from tflm_tinyprop.tuning import TuneResult, tune


def __getattr__(name: str):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'tflm_tinyprop' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"tflm_tinyprop.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_MODULE_OF])
