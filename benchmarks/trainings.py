"""Trainings on real data in the TFLM interpreter: TinyProp v2 against full backpropagation.

    python benchmarks/trainings.py mnist speech cifar --data <folder> --out out/trainings

mnist: small CNN from scratch. speech: DS-CNN, trained on half of the speakers' recordings and fine-tuned to
the others. cifar: ResNet-8, trained on the images as they are and fine-tuned to darker ones with swapped
colours. The folder (default: $TINYPROP_DATA_DIR) holds mnist.npz, speech_commands_mfcc.npz and
cifar10_10k.npz. Every finished run is kept in the output folder and not repeated.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tflm_tinyprop as tp
from tflm_tinyprop import files, zoo

METHODS = ("full", "v2")


@dataclasses.dataclass(frozen=True)
class Task:
    """load(archive, generator) -> (source, tuning, test) pairs; build(source) -> trained or fresh Keras model.

    settings: of TinyProp v2, where they are not the defaults. A model that is fine-tuned knows most samples
    from the start, so that skipping them is less of a gain and more of a risk: a larger d_max skips fewer.
    """

    description: str
    file: str
    load: callable
    build: callable
    epochs: int
    learning_rate: float
    bar_effort: float
    settings: dict = dataclasses.field(default_factory=dict)

    def config(self, method: str) -> tp.TinyPropConfig:
        return tp.TinyPropConfig.full() if method == "full" else tp.TinyPropConfig.v2(**self.settings)


def load_mnist(archive, generator):
    x = {k: (archive[k].astype(np.float32) / 255)[..., None] for k in ("x_train", "x_test")}
    train = x["x_train"], archive["y_train"]
    return None, train, (x["x_test"], archive["y_test"])


def load_speech(archive, generator):
    """The training part has its own speakers; the test part, other speakers, is split once more."""
    mean, std = archive["x_train"].astype(np.float32).mean((0, 1)), archive["x_train"].astype(np.float32).std((0, 1))
    scale = lambda x: ((x.astype(np.float32) - mean) / std)[..., None]  # noqa: E731
    order = generator.permutation(len(archive["y_test"]))
    tune, test = order[: len(order) // 2], order[len(order) // 2 :]
    x, y = scale(archive["x_test"]), archive["y_test"]
    # New microphones and rooms: another gain and a tilt of the spectrum.
    x = x * np.linspace(1.3, 0.5, x.shape[2], dtype=np.float32)[None, None, :, None] + 0.4
    return (scale(archive["x_train"]), archive["y_train"]), (x[tune], y[tune]), (x[test], y[test])


def load_cifar(archive, generator):
    scale = lambda x: x.astype(np.float32) / 127.5 - 1  # noqa: E731
    shifted = lambda x: 0.6 * scale(x)[..., [2, 0, 1]] - 0.3  # noqa: E731
    order = generator.permutation(len(archive["y_train"]))
    source, tune = order[: len(order) // 2], order[len(order) // 2 :]
    x, y = archive["x_train"], archive["y_train"]
    return (scale(x[source]), y[source]), (shifted(x[tune]), y[tune]), (shifted(archive["x_test"]), archive["y_test"])


def pretrained(build, epochs: int):
    def make(train):
        model = build()
        model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(
            2e-3, epochs * -(-len(train[1]) // 64))), "sparse_categorical_crossentropy")
        model.fit(*train, epochs=epochs, batch_size=64, verbose=0)
        return model

    return make


TASKS = {
    "mnist": Task("MNIST, small CNN from scratch", "mnist.npz", load_mnist, lambda train: zoo.small_cnn(),
                  epochs=6, learning_rate=0.03, bar_effort=0.15),
    "speech": Task("Speech Commands, DS-CNN fine-tuned to new speakers and a tilted spectrum", "speech_commands_mfcc.npz",
                   load_speech, pretrained(zoo.ds_cnn, 25), epochs=25, learning_rate=0.003, bar_effort=0.25, settings={"d_max": 8}),
    "cifar": Task("CIFAR-10 (subset), ResNet-8 fine-tuned to darker images with swapped colours", "cifar10_10k.npz",
                  load_cifar, pretrained(zoo.resnet8, 25), epochs=5, learning_rate=0.003, bar_effort=0.25),
}


def run(task: Task, name: str, seed: int, archive, out: pathlib.Path) -> None:
    """All methods from the same model on the same data; one file a method."""
    missing = [m for m in METHODS if not (out / f"{name}-{m}-{seed}.json").exists()]
    if not missing:
        return
    keras.utils.set_random_seed(seed)
    train, tune, test = task.load(archive, np.random.default_rng(seed))
    model = tp.convert(task.build(train))
    for method in missing:
        trainer = tp.Trainer(model, config=task.config(method))
        before = trainer.evaluate(*test)["accuracy"]
        steps = len(tune[1])
        schedule = keras.optimizers.schedules.CosineDecay(
            task.learning_rate / 100, task.epochs * steps - steps // 4, warmup_target=task.learning_rate,
            warmup_steps=steps // 4)
        start = time.monotonic()
        history = trainer.fit(*tune, epochs=task.epochs, learning_rate=schedule, seed=seed).history
        result = {
            "task": name, "method": method, "seed": seed, "epochs": task.epochs, "learning_rate": task.learning_rate,
            "config": dataclasses.asdict(trainer.config), "accuracy_before": before, "accuracy_after": trainer.evaluate(*test)["accuracy"],
            **{k: float(np.mean(history[k])) for k in ("backward_effort", "step_effort", "skip_rate")},
            "seconds": time.monotonic() - start,
        }
        files.write_whole(out / f"{name}-{method}-{seed}.json", json.dumps(result, indent=2) + "\n", overwrite=True)
        print(json.dumps(result), flush=True)


def summary(out: pathlib.Path) -> list[dict]:
    """Means over the seeds of all runs in the folder, one row a task and method."""
    results = [json.loads(p.read_text()) for p in sorted(out.glob("*-*-*.json"))]
    rows = []
    for name, task in TASKS.items():
        for method in METHODS:
            own = [r for r in results if (r["task"], r["method"]) == (name, method)]
            if own:
                rows.append({"description": task.description, "task": name, "method": method,
                             "seeds": [r["seed"] for r in own], "bar_effort": task.bar_effort,
                             **{k: float(np.mean([r[k] for r in own])) for k in (
                                 "accuracy_before", "accuracy_after", "backward_effort", "step_effort", "skip_rate",
                                 "seconds")}})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(TASKS), help=f"of {', '.join(TASKS)}")
    parser.add_argument("--data", type=pathlib.Path, default=os.environ.get("TINYPROP_DATA_DIR"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/trainings"))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    unknown = set(arguments.tasks) - set(TASKS)
    if unknown:
        sys.exit(f"unknown task {', '.join(unknown)}; there are {', '.join(TASKS)}")
    if arguments.data is None:
        sys.exit("no data: pass --data <folder> or set TINYPROP_DATA_DIR")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        for name in arguments.tasks:
            path = arguments.data / TASKS[name].file
            if not path.exists():
                sys.exit(f"{path} is missing")
            with np.load(path) as archive:
                run(TASKS[name], name, seed, dict(archive), arguments.out)
    files.write_whole(arguments.out / "summary.json", json.dumps(summary(arguments.out), indent=2) + "\n", overwrite=True)


if __name__ == "__main__":
    main()
