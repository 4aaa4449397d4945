"""Start models: trained once per data set, model and seed, and kept in the study's folder."""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
import tempfile

from tflm_tinyprop import files
from tflm_tinyprop.study import models
from tflm_tinyprop.study.data import Data
from tflm_tinyprop.study.deploy import deployed
from tflm_tinyprop.study.settings import RunSettings


def start_model(settings: RunSettings, data: Data, folder: pathlib.Path):
    """The Keras model that every method of the run's comparison starts from.

    It is made on the first call and read from `folder` afterwards; of several processes one makes it, and the
    others wait.
    """
    import keras

    path = pathlib.Path(folder) / f"{settings.start_id}.keras"
    if not path.exists():
        with _lock(path.with_suffix(".lock")):
            if not path.exists():
                _save(_make(settings, data), path)
    return keras.models.load_model(path, compile=False)


@contextlib.contextmanager
def _lock(path: pathlib.Path):
    """Held by one process at a time; the system releases it when that process ends, however it does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(settings: RunSettings, data: Data):
    import keras

    keras.utils.set_random_seed(settings.seed)
    model = models.build(settings.model, data)
    pretrain = settings.pretrain
    if pretrain:
        steps = pretrain.epochs * -(-len(data.source) // pretrain.batch_size)
        rate = keras.optimizers.schedules.CosineDecay(pretrain.learning_rate, steps)
        model.compile(keras.optimizers.Adam(rate), data.loss)
        model.fit(data.source.x, data.source.y, epochs=pretrain.epochs, batch_size=pretrain.batch_size, verbose=0)
    return deployed(model)


def _save(model, path: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "model.keras"
        model.save(file)
        files.write_whole(path, file.read_bytes(), overwrite=True)
