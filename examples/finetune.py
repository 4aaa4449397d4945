"""Adapt a Keras model to new data in the TFLM interpreter, with the paper's learning rate schedule.

    .venv/bin/python examples/finetune.py [folder for the results]
"""

import pathlib
import sys

import keras
import numpy as np
from sklearn.datasets import load_digits

import tflm_tinyprop as tp

EPOCHS = 20
PEAK_LEARNING_RATE = 0.03

out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "out/finetune")
x, y = load_digits(return_X_y=True)
x = (x / 16).astype(np.float32)
inverted = 1 - x  # what the "device" sees: white on black instead of black on white

# A model as anybody would train it, on data as it was in the lab.
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((64,), name="image"),
    keras.layers.Dense(48, activation="relu", name="hidden_1"),
    keras.layers.Dense(32, activation="relu", name="hidden_2"),
    keras.layers.Dense(10, activation="softmax", name="digit"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:900], y[:900], epochs=30, verbose=0)

# All layers trainable, in steps of one sample, as a microcontroller would take them.
trainable = tp.convert(model, config=tp.TinyPropConfig.v2(), labels=[str(d) for d in range(10)])
trainable.save(out / "trainable.tflite", overwrite=True)
trainable.summary()

# Linear warm-up over one epoch, then cosine annealing: a Keras schedule of the step.
steps = len(x[900:1500])
schedule = keras.optimizers.schedules.CosineDecay(
    initial_learning_rate=PEAK_LEARNING_RATE / steps, warmup_target=PEAK_LEARNING_RATE, warmup_steps=steps,
    decay_steps=(EPOCHS - 1) * steps,
)

trainer = tp.Trainer(trainable)
test = inverted[1500:], y[1500:]
print(f"\nbefore: accuracy {trainer.evaluate(*test)['accuracy']:.3f}")
history = trainer.fit(inverted[900:1500], y[900:1500], epochs=EPOCHS, learning_rate=schedule, seed=0).history
print(f"after:  accuracy {trainer.evaluate(*test)['accuracy']:.3f}, backward effort "
      f"{np.mean(history['backward_effort']):.3f}, skipped {np.mean(history['skip_rate']):.3f}")

trainer.save_weights(out / "weights.bin", overwrite=True)  # to go on later
trainer.to_tflite(out / "tuned.tflite", overwrite=True)  # ordinary model for inference
trainer.to_keras().save(out / "tuned.keras")
print(f"wrote {out}/")
