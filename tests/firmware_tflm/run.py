"""Training firmware with a TFLM library on QEMU, against TFLM on this machine: `make firmware-tflm`.

Makes trainable models, writes a firmware for each with `tinyprop embed`, builds it with the TFLM that TFLM_INCLUDE and
TFLM_LIBRARY name, and runs two programs on the board: steps.cc, which trains on given samples, and the generated
firmware with its self-test. Status and k of every step have to be the same as in the tflite-micro wheel, and weights
within 1e-5. Prints a table and writes firmware_tflm.json; exits with 1 if something differs.
"""

import argparse
import dataclasses
import importlib.util
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from rich.console import Console
from rich.table import Table

import tflm_tinyprop as tp
from tflm_tinyprop.format import weight_record
from tflm_tinyprop.models import zoo
from tflm_tinyprop.firmware import Firmware
from tflm_tinyprop.models.tiny_models import dense_classifier

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "build/firmware-tflm"
TOLERANCE = 1e-5
SAMPLE_UNIT = 16.0  # samples.h has inputs as int8 in units of 1 / 16, as steps.cc reads them

MISSING = """\
{variable} is not set. `make firmware-tflm` links training firmware with a TFLM that you have built:
  TFLM_INCLUDE  folders with the headers of TFLM, flatbuffers, gemmlowp and ruy, separated by ; or :
  TFLM_LIBRARY  its libtensorflow-microlite.a for the board's processor (mps2-an386: Cortex-M4F)
In a checkout of https://github.com/tensorflow/tflite-micro:
  make -f tensorflow/lite/micro/tools/make/Makefile third_party_downloads
  make -f tensorflow/lite/micro/tools/make/Makefile TARGET=cortex_m_generic TARGET_ARCH=cortex-m4+fp microlite
The library is then below gen/, and with TFLM=/path/to/tflite-micro and
DOWNLOADS=$TFLM/tensorflow/lite/micro/tools/make/downloads the headers are
  TFLM_INCLUDE=$TFLM:$DOWNLOADS/flatbuffers/include:$DOWNLOADS/gemmlowp:$DOWNLOADS/ruy"""


@dataclasses.dataclass(frozen=True)
class Case:
    """A model and how it is trained."""

    make: object  # function without arguments
    steps: int
    peak_rate: float
    warmup_steps: int = 5

    def rates(self) -> list[float]:
        """LearningRateSchedule::WarmupCosine of the runtime."""
        rates = [self.peak_rate * (step + 1) / self.warmup_steps for step in range(self.warmup_steps)]
        rest = self.steps - self.warmup_steps
        return rates + [self.peak_rate * 0.5 * (1 + math.cos(math.pi * (i + 1) / (rest + 1))) for i in range(rest)]


def small_cnn():
    import keras

    keras.utils.set_random_seed(1)
    return zoo.small_cnn()


CASES = {
    "dense 64-32-10": Case(lambda: dense_classifier([64, 32, 10], seed=1), 300, 0.05),
    "MLP 784-128-64-10": Case(lambda: dense_classifier([784, 128, 64, 10], seed=1), 40, 0.01),
    "small_cnn 28x28": Case(small_cnn, 60, 0.05),
}


@dataclasses.dataclass(frozen=True)
class Training:
    """What a training gave. status: a number a step; kept: k of the layers, a tuple a step; weights: with maxima."""

    status: list[int]
    kept: list[tuple[int, ...]]
    weights: np.ndarray


def required(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        sys.exit(MISSING.format(variable=variable))
    return value


def tflm() -> tuple[list[str], str]:
    """(folders of headers, library) from the environment, both checked."""
    folders = [folder for folder in re.split("[;:]", required("TFLM_INCLUDE")) if folder]
    library = os.path.abspath(required("TFLM_LIBRARY"))
    for header in ("tensorflow/lite/micro/micro_interpreter.h", "flatbuffers/flatbuffers.h"):
        if not any((pathlib.Path(folder) / header).is_file() for folder in folders):
            sys.exit(f"No folder in TFLM_INCLUDE holds {header}: {', '.join(folders)}")
    if not os.path.isfile(library):
        sys.exit(f"TFLM_LIBRARY names {library}, which is not a file")
    return [os.path.abspath(folder) for folder in folders], library


def load_qemu():
    spec = importlib.util.spec_from_file_location("qemu", ROOT / "tests/firmware/qemu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_samples(model, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """(int8 [steps, elements], labels): a random pattern for each class, with noise, so that some are skipped."""
    generator = np.random.default_rng(7)
    elements = int(np.prod(model.inputs[0].shape[1:]))
    patterns = generator.integers(-16, 17, (model.classes, elements))
    labels = generator.integers(0, model.classes, steps)
    return (patterns[labels] + generator.integers(-8, 9, (steps, elements))).astype(np.int8), labels.astype(np.int32)


def samples_header(case: Case, x: np.ndarray, y: np.ndarray) -> str:
    rows = ",\n".join("  {" + ",".join(map(str, row)) + "}" for row in x.tolist())
    return (
        "// Written by run.py.\n#include <cstdint>\n"
        f"constexpr float kPeakRate = {case.peak_rate!r}f;\n"
        f"constexpr uint32_t kWarmupSteps = {case.warmup_steps};\n"
        f"constexpr int32_t kSteps = {case.steps};\n"
        f"constexpr int8_t kSamples[kSteps][{x.shape[1]}] = {{\n{rows}}};\n"
        f"constexpr int32_t kLabels[kSteps] = {{{','.join(map(str, y.tolist()))}}};\n")


class Recorder(tp.Callback):
    """Keeps status and k of every step."""

    def __init__(self):
        super().__init__()
        self.status: list[int] = []
        self.kept: list[tuple[int, ...]] = []

    def on_steps(self, results) -> None:
        self.status += results.status[:, 0].tolist()
        self.kept += [tuple(row) for row in results.gradients_kept[:, :, 0].astype(int).tolist()]


def train_here(model, case: Case, x: np.ndarray, y: np.ndarray) -> Training:
    """The training in the wheel."""
    trainer, recorder, rates = tp.Trainer(model), Recorder(), case.rates()
    samples = (x.astype(np.float32) / SAMPLE_UNIT).reshape(len(x), *model.inputs[0].shape[1:])
    trainer.fit(samples, y, epochs=1, shuffle=False, learning_rate=lambda step: rates[step], callbacks=[recorder],
                verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        record = trainer.save_weights(pathlib.Path(folder) / "weights")
        values = weight_record.unpack_any(model.training, record.read_bytes()).values
    return Training(recorder.status, recorder.kept, np.concatenate([np.ravel(v) for v in values]))


def parse(output: str) -> tuple[Training, int]:
    """(training, bytes of the arena that are used) from what steps.cc prints."""
    status, kept, bits, arena = [], [], [], 0
    for line in output.splitlines():
        kind, _, value = line.partition(" ")
        if kind == "step":
            status.append(int(value))
            kept.append(())
        elif kind == "k":
            kept[-1] += (int(value),)
        elif kind == "w":
            bits.append(int(value, 16))
        elif kind == "arena":
            arena = int(value)
    return Training(status, kept, np.array(bits, np.uint32).view(np.float32)), arena


def write_sources(model, case: Case, x: np.ndarray, y: np.ndarray) -> Firmware:
    """Firmware and samples of a case in WORK. Files that stay the same are left alone, so that the library, which is
    the same for every model, is compiled once."""
    with tempfile.TemporaryDirectory() as temporary:
        fresh = pathlib.Path(temporary)
        firmware = tp.embed(model, fresh / "generic", target="generic")
        (fresh / "samples").mkdir()
        (fresh / "samples/samples.h").write_text(samples_header(case, x, y))
        for path in filter(pathlib.Path.is_file, fresh.rglob("*")):
            target = WORK / path.relative_to(fresh)
            if not target.is_file() or target.read_bytes() != path.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        for path in filter(pathlib.Path.is_file, (WORK / "generic").rglob("*")):
            if not (fresh / path.relative_to(WORK)).is_file():
                path.unlink()
    return firmware


def build(board: str, headers: list[str], library: str) -> None:
    folder = WORK / "build"
    toolchain = ROOT / "tests/firmware/toolchain.cmake"
    commands = (
        ["cmake", "-S", HERE, "-B", folder, f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", f"-DBOARD={board}",
         "-DCMAKE_C_COMPILER=arm-none-eabi-gcc", f"-DFIRMWARE={WORK / 'generic'}", f"-DSAMPLES={WORK / 'samples'}",
         f"-DTFLM_INCLUDE={';'.join(headers)}", f"-DTFLM_LIBRARY={library}"],
        ["cmake", "--build", folder, "--parallel", "2"],
    )
    for command in commands:
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def section_sizes(program: pathlib.Path) -> dict[str, int]:
    """{"text", "data", "bss": bytes}; text has model and samples as well."""
    output = subprocess.run(["arm-none-eabi-size", str(program)], capture_output=True, text=True, check=True).stdout
    return dict(zip(("text", "data", "bss"), map(int, output.splitlines()[1].split()[:3]), strict=True))


def run_program(board: str, program: pathlib.Path) -> str:
    code, output = load_qemu().run(board, program)
    if code != 0:
        sys.exit(f"{program} on {board} ended with {code}:\n{output[-4000:]}")
    return output


def differences(board: Training, here: Training) -> list[str]:
    """What is not as it should be."""
    wrong = []
    for what in ("status", "kept"):
        ours, theirs = getattr(board, what), getattr(here, what)
        if ours != theirs:
            step = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            got, expected = ours[step : step + 1], theirs[step : step + 1]
            wrong.append(f"{what} differs first in step {step}: {got}, expected {expected}")
    if board.weights.shape != here.weights.shape:
        return [*wrong, f"{board.weights.size} weights, expected {here.weights.size}"]
    if not np.abs(board.weights - here.weights).max() <= TOLERANCE:
        wrong.append(f"weights differ by {np.abs(board.weights - here.weights).max():.2g}")
    return wrong


def check(name: str, case: Case, board: str, headers: list[str], library: str) -> dict:
    """Builds and runs one case; its row of the report."""
    model = tp.convert(case.make())
    x, y = make_samples(model, case.steps)
    firmware = write_sources(model, case, x, y)
    build(board, headers, library)

    trained, arena = parse(run_program(board, WORK / "build/steps"))
    expected = train_here(model, case, x, y)
    program = WORK / "build/generic/firmware"
    log = run_program(board, program)
    wrong = differences(trained, expected)
    if "self-test: passed" not in log or "training finished" not in log:
        wrong.append(f"the generated firmware said:\n{log}")
    parameters = 4 * (expected.weights.size - (1 + len(model.training.layers)))  # without the running maxima
    return {
        "name": name, "steps": case.steps, "skipped": trained.status.count(int(tp.SampleStatus.SKIPPED)),
        "weight_difference": float(np.abs(trained.weights - expected.weights).max()) if not wrong else None,
        "arena_used": arena, "parameter_bytes": parameters, "arena_reserved": firmware.arena_bytes,
        "model_bytes": firmware.model_bytes, **section_sizes(program), "wrong": wrong,
    }


def table_of(rows: list[dict], board: str) -> Table:
    table = Table(title=f"Training firmware with TFLM on {board}", caption=(
        "Bytes. Code: text of the generated firmware without the model. Arena used: by TFLM for everything at run "
        "time, trained weights among it"))
    table.add_column("model")
    for heading in ("steps", "skipped", "weights differ by", "arena used", "of it weights", "code", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        difference = "" if row["weight_difference"] is None else f"{row['weight_difference']:.1e}"
        table.add_row(row["name"], str(row["steps"]), str(row["skipped"]), difference, f"{row['arena_used']:,}",
                      f"{row['parameter_bytes']:,}", f"{row['text'] - row['model_bytes']:,}",
                      "[bold red]DIFFERS[/]" if row["wrong"] else "[green]same[/]")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="mps2-an386", choices=load_qemu().BOARDS)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/firmware-tflm")
    arguments = parser.parse_args()
    headers, library = tflm()
    for tool in ("cmake", "arm-none-eabi-g++", "qemu-system-arm"):
        if shutil.which(tool) is None:
            sys.exit(f"This needs {tool}: apt-get install cmake gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib "
                     "qemu-system-arm, or run `make firmware-tflm`.")

    rows = [check(name, case, arguments.board, headers, library) for name, case in CASES.items()]
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {"board": arguments.board, "tflm_include": headers, "tflm_library": library, "models": rows}
    (arguments.out / "firmware_tflm.json").write_text(json.dumps(report, indent=2) + "\n")
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table_of(rows, arguments.board))
    for row in rows:
        for line in row["wrong"]:
            console.print(f"{row['name']}: {line}", markup=False)
    console.print("Status and k of every step as in the wheel; the generated firmware's self-test passed."
                  if not any(row["wrong"] for row in rows) else "The firmware does not train as the wheel does.")
    return 1 if any(row["wrong"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
