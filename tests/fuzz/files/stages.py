"""What a user may do with a file, one stage after the other, and what may come of it."""

from __future__ import annotations

import pathlib
import tempfile
import traceback

import numpy as np

import tflm_tinyprop as tp
from tflm_tinyprop import describe
from tflm_tinyprop.errors import DataError, ModelError
from tflm_tinyprop.format.graph import read_graph
from tflm_tinyprop.host import arena


def run_model(data: bytes, is_trainable: bool) -> str:
    """Loads or converts a model, describes it, trains it and writes what it became. Returns where it was refused, or "ok"."""
    arena.smallest_bytes = lambda model, enough: enough  # measured in processes of its own: too slow here
    stage = "load"
    try:
        model = tp.TrainableModel(data) if is_trainable else converted(data)
        stage = "describe"
        describe.print_inspection(model, lambda text: None)
        describe.as_dict(model)
        stage = "trainer"
        trainer = tp.Trainer(model)
        stage = "step"
        count = 2 * model.batch_size + 1
        x = [np.zeros((count, *t.shape[1:]), t.dtype) for t in model.inputs]
        y = np.zeros((count, *model.label.shape[1:]), model.label.dtype)
        inputs = x if len(x) > 1 else x[0]
        trainer.fit(inputs, y, epochs=1, verbose=0)
        trainer.evaluate(inputs, y)
        trainer.predict(inputs)
        stage = "weights"
        trainer.set_weights(trainer.get_weights())
        trainer.to_tflite()
    except (ModelError, DataError) as error:
        # Weights that are not finite can be in any file: they are data, and set_weights() takes none.
        if not str(error) or (isinstance(error, DataError) and stage != "weights"):
            raise
        return stage
    return "ok"


def run_record(model: bytes, record: bytes) -> str:
    """Loads a weight record into a trainer of the model."""
    trainer = tp.Trainer(tp.TrainableModel(model))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "weights"
        path.write_bytes(record)
        try:
            trainer.load_weights(path)
        except (ModelError, DataError):
            return "load"
    return "ok"


def describe_exception(error: BaseException) -> str:
    """Type, place and text, in one line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{pathlib.Path(frame.filename).name}:{frame.lineno}"
    return f"{type(error).__name__} at {place}: {error}".replace("\n", " ")[:300]


def _batch(data: bytes) -> int:
    """The batch that the model has, since only that one can be trained."""
    graph = read_graph(data)
    shape = graph.tensors[graph.inputs[0]].shape
    return shape[0] if shape and 1 <= shape[0] <= 64 else 1


def converted(data: bytes, **options) -> tp.TrainableModel:
    """All layers trained, or the last one: some models have ops without a gradient below it."""
    batch = _batch(data)
    try:
        return tp.convert(data, batch_size=batch, **options)
    except ModelError:
        return tp.convert(data, trainable_layers=1, batch_size=batch, **options)
