"""The house has floors: a module imports from its own floor and from those below, and names no library it has no use for."""

import ast
import pathlib
import subprocess
import sys
import sysconfig
import venv

import pytest

import tflm_tinyprop

PACKAGE = pathlib.Path(tflm_tinyprop.__file__).parent
# From the ground up. Everything that is not named here is on the top floor.
FLOORS = (
    ("errors", "files", "native_output", "config", "config_file", "npz"),
    ("format",),
    ("conversion",),
    ("host",),
    ("verification",),
    ("trainable_model",),
    ("training",),
)
TOP = len(FLOORS)
TRAINING = TOP - 1
# What a method of a lower floor calls on demand, because users look for it there.
UPWARDS = {("trainable_model", "describe")}

KERAS = ("tensorflow", "keras")
KERAS_USERS = (
    "conversion.keras_import", "conversion.keras_constants", "conversion.keras_export", "training.keras_schedule", "models.zoo", "simulate", "study", "demo")
FOR_PEOPLE = ("rich", "typer", "matplotlib", "optuna", "sklearn")
# Who may import packages that only evaluate: the library must work without them.
EVALUATING = {"study": ("study", "tuning", "cli"), "tuning": ("tuning", "cli")}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        if "templates" not in path.parts:
            parts = path.relative_to(PACKAGE).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), ast.parse(path.read_text("utf-8"))


MODULES = dict(modules())


def imported(tree):
    """Absolute names of everything a module imports, in functions too, but not what only type checkers see."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        pending += ast.iter_child_nodes(node)


def own(name: str) -> str | None:
    """The module of this package that an imported name stands for or lies in; None for other packages."""
    if name.split(".")[0] != "tflm_tinyprop":
        return None
    path = name.split(".")[1:]
    while path and ".".join(path) not in MODULES:
        path.pop()
    return ".".join(path)


def is_in(module: str, places) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def floor(module: str) -> int:
    return next((height for height, names in enumerate(FLOORS) if is_in(module, names)), TOP)


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_from_a_higher_floor(module):
    for name in imported(MODULES[module]):
        target = own(name)
        if target and (module, target) not in UPWARDS:
            assert floor(target) <= floor(module), f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_libraries_are_imported_where_they_belong(module):
    for name in imported(MODULES[module]):
        library = name.split(".")[0]
        if library in KERAS:
            assert is_in(module, KERAS_USERS), f"{module} imports {name}"
        if library in FOR_PEOPLE:
            assert floor(module) >= TRAINING, f"{module} imports {name}"
        if library == "tflite_micro":
            assert module in ("format.graph", "host.session"), f"{module} imports {name}"
        for package, users in EVALUATING.items():
            if is_in(own(name) or "", (package,)):
                assert is_in(module, users), f"{module} imports {name}"


def test_every_folder_says_what_it_is():
    for module in MODULES:
        if (PACKAGE / module.replace(".", "/")).is_dir():
            assert len(ast.get_docstring(MODULES[module])) > 40, module


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory) -> pathlib.Path:
    """A venv without TensorFlow, Keras, and whatever only studies and reports need."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, with_pip=False)
    absent = (*KERAS, "matplotlib", "optuna", "sklearn", "scipy", "pandas")
    place = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for site in dict.fromkeys([sysconfig.get_path("purelib"), *(p for p in sys.path if p.endswith("site-packages"))]):
        for entry in pathlib.Path(site).iterdir():
            name = entry.name.split("-")[0].split(".")[0]
            if name not in absent and not (place / entry.name).exists() and entry.suffix != ".pth":
                (place / entry.name).symlink_to(entry)
        for entry in pathlib.Path(site).glob("*tflm_tinyprop*.pth"):  # an editable install
            if not (place / entry.name).exists():
                (place / entry.name).symlink_to(entry)
    return folder / "bin" / "python"


def test_a_tflite_needs_neither_tensorflow_nor_keras(bare_python, plain_tflite, tmp_path):
    (tmp_path / "plain.tflite").write_bytes(plain_tflite)
    code = """
import importlib.util, pathlib, sys
for name in ("tensorflow", "keras", "matplotlib", "optuna", "sklearn"):
    assert importlib.util.find_spec(name) is None, name
import numpy as np
import tflm_tinyprop as tp
rng = np.random.default_rng(0)
x = rng.normal(size=(40, 8)).astype("float32")
np.savez("data.npz", x=x, y=x[:, :4].argmax(axis=1))
from tflm_tinyprop.cli.app import app
for line in ("convert plain.tflite model.tflite", "inspect model.tflite",
             "train model.tflite --data data.npz --epochs 2 --output tuned.tflite",
             "evaluate model.tflite --data data.npz", "embed model.tflite --out firmware", "fit-memory plain.tflite --ram 64k"):
    app(line.split(), standalone_mode=False)
assert tp.Trainer(tp.load("model.tflite")).predict(x).shape == (40, 4)
print("done")
"""
    result = subprocess.run([bare_python, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout.endswith("done\n"), result.stderr
    assert (tmp_path / "tuned.tflite").stat().st_size > 0
