"""On-device training for TensorFlow Lite Micro with TinyPropv2.

    import tflm_tinyprop as tp

    model = tp.convert(keras_model, trainable_layers="all", config=tp.TinyPropConfig.v2())
    trainer = tp.Trainer(model)                  # the real TFLM interpreter
    history = trainer.fit(x, y, epochs=10, learning_rate=0.05)
    trainer.to_tflite("tuned.tflite")            # ordinary inference model with the trained weights
"""

from tflm_tinyprop.callbacks import Callback, History, StepRecorder
from tflm_tinyprop.config import TinyPropConfig
from tflm_tinyprop.convert import convert
from tflm_tinyprop.errors import ArenaError, ConfigError, DataError, HostError, ModelError, TinyPropError
from tflm_tinyprop.model import TrainableModel, load
from tflm_tinyprop.sample_status import SampleStatus
from tflm_tinyprop.trainer import Trainer

__version__ = "0.1.0"

__all__ = [
    "ArenaError", "Callback", "ConfigError", "DataError", "History", "HostError", "ModelError",
    "SampleStatus", "StepRecorder", "TinyPropConfig", "TinyPropError", "TrainableModel", "Trainer",
    "convert", "load",
]
