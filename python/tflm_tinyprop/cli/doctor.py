"""`tinyprop doctor`: checks that everything the package needs is there and works, and says what to do if not."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import typer

from tflm_tinyprop.errors import HostError, TinyPropError
from tflm_tinyprop.host import session

# What pyproject.toml pins; only the packages whose combination matters.
PACKAGES = {
    "tensorflow-cpu": "2.19.1",
    "keras": "3.15.1",
    "numpy": "2.1.3",
    "protobuf": "3.20.3",
    "tflite-support": "0.4.4",
}


@dataclasses.dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    detail: str  # what was found, or what is wrong and what to do


def run_checks() -> Iterator[Check]:
    """All checks, in the order in which later ones depend on earlier ones."""
    yield _check("Python and machine", _python)
    for name, wanted in PACKAGES.items():
        yield _check(name, lambda name=name, wanted=wanted: _package(name, wanted))
    yield _check("tflite-micro wheel", _wheel)
    yield _check("native plugin", lambda: str(session.load_plugin() and session.plugin_path()))
    yield _check("compiler (for building the plugin)", _compiler)
    yield _check("TFLite metadata (tflite-support, libusb)", _metadata)
    yield _check("a training in the interpreter", _training)


def _check(name: str, probe: Callable[[], str]) -> Check:
    try:
        return Check(name, True, probe())
    except TinyPropError as error:
        return Check(name, False, str(error))
    except Exception as error:  # a doctor reports whatever it meets
        return Check(name, False, f"{type(error).__name__}: {error}")


def _python() -> str:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] != (3, 11) or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise HostError(
            f"{found}: the wheels of tflite-micro and tflite-support that fit together exist for Python 3.11 on x86-64 Linux"
        )
    return found


def _package(name: str, wanted: str) -> str:
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise HostError(f"not installed; run: pip install {name}=={wanted}") from None
    if found != wanted:
        raise HostError(f"version {found} is not the one tested; run: pip install {name}=={wanted}")
    return found


def _wheel() -> str:
    version = session.wheel_version()
    session.check_wheel_version(version)
    tested = "tested" if version in session.TESTED_WHEELS else "within the supported range, not tested itself"
    return f"{version} ({tested})"


def _compiler() -> str:
    missing = [tool for tool in ("g++", "cmake") if shutil.which(tool) is None]
    if missing:
        raise HostError(f"{' and '.join(missing)} not found; run: apt-get install {' '.join(missing)}")
    version = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True)
    return version.stdout.splitlines()[0]


def _metadata() -> str:
    from tflm_tinyprop.format import tflite_metadata

    tflite_metadata.import_flatbuffers_metadata()
    return "usable"


def _training() -> str:
    """Trains a tiny classifier for a few steps; no Keras involved, so it is quick."""
    import numpy as np

    from tflm_tinyprop import TinyPropConfig, Trainer, convert
    from tflm_tinyprop.models.tiny_models import dense_classifier

    trainer = Trainer(convert(dense_classifier([4, 8, 3], seed=0), config=TinyPropConfig.full()))
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 4)).astype(np.float32)
    y = x[:, :3].argmax(axis=1)
    before = trainer.evaluate(x, y)["loss"]
    trainer.fit(x, y, epochs=5, learning_rate=0.1, seed=0, verbose=False)
    after = trainer.evaluate(x, y)["loss"]
    if not after < before:
        raise HostError(f"the loss did not fall ({before:.3f} to {after:.3f}); please report this")
    return f"loss {before:.3f} to {after:.3f} in 300 steps"


def doctor():
    """Check wheel, plugin, compiler and packages, and say what to do."""
    healthy = True
    for check in run_checks():
        healthy &= check.ok
        typer.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}")
    if not healthy:
        raise typer.Exit(1)
