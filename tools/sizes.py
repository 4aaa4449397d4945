"""Code size of the plugin on three Cortex-M processors at -Os: `python tools/sizes.py`, or `make sizes`.

Compiles cc/core, cc/tflm and cc/runtime with arm-none-eabi-g++ and links what an application would reach. Counted are
the project's own functions: of TFLM and the C library only names are needed. Prints tables and writes sizes.json; with
--check it exits with 1 if the bar is missed.

TFLM's headers are stand-ins (tests/firmware/tflm_headers) unless TFLM_INCLUDE lists folders of real ones, separated
by ; or :.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.table import Table

from tflm_tinyprop.format import tables

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER = "arm-none-eabi-g++"
PROCESSORS = {
    "Cortex-M0+": ["-mcpu=cortex-m0plus"],
    "Cortex-M4F": ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"],
    "Cortex-M55": ["-mcpu=cortex-m55", "-mfpu=auto", "-mfloat-abi=hard"],
}
FLAGS = ["-mthumb", "-std=c++17", "-Os", "-DTF_LITE_STATIC_MEMORY", "-fno-exceptions", "-fno-rtti",
         "-fno-threadsafe-statics", "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror"]
# An application's options for flash, and how the figures with it are called.
STRIPPED = ["-DTINYPROP_STRIP_CHECKS", "-DTF_LITE_STRIP_ERROR_STRINGS"]

FOLDERS = {"core": "cc/core", "ops": "cc/tflm", "runtime": "cc/runtime"}
DENSE = ("Initialize", "SoftmaxCrossEntropy", "Decision", "FullyConnectedGrad")
DENSE_TRAINING, DENSE_STRIPPED = "dense training", "dense training, checks stripped"
BAR = {"name": DENSE_STRIPPED, "processor": "Cortex-M4F", "bytes": 6000}  # code and constants


def header_folders() -> tuple[str, list[str]]:
    """(what they are, folders)."""
    real = [folder for folder in re.split("[;:]", os.environ.get("TFLM_INCLUDE", "")) if folder]
    return ("TFLM_INCLUDE", real) if real else ("stand-ins", [str(ROOT / "tests/firmware/tflm_headers")])


def ops() -> list[str]:
    """Names of the ops, without TinyProp."""
    return [op.name for op in tables.OPS]


def run(*command) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def compile_all(folder: pathlib.Path, flags: list[str]) -> dict[str, pathlib.Path]:
    """{path of the source: object file}; "roots" is a source that has a function for every op."""
    roots = folder / "roots.cc"
    roots.write_text('#include "cc/tflm/registrations.h"\n' + "".join(
        f'extern "C" const void* Reach{op}() {{ return &tinyprop::Register{op}(); }}\n' for op in ops()))
    sources = {str(path.relative_to(ROOT)): path for group in FOLDERS.values() for path in sorted((ROOT / group).glob("*.cc"))}
    sources["roots"] = roots
    includes = [f"-I{ROOT}", *(part for path in header_folders()[1] for part in ("-isystem", path))]

    def compile_one(name):
        target = folder / (name.replace("/", "_") + ".o")
        run(COMPILER, *FLAGS, *flags, *includes, "-c", sources[name], "-o", target)
        return target

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(sources, pool.map(compile_one, sources), strict=True))


def section_sizes(path: pathlib.Path) -> dict[str, int]:
    """{"code": bytes of .text, "constants": bytes of .rodata} of an object file or program."""
    sizes = {"code": 0, "constants": 0}
    for kind, size in re.findall(r"^\.(text|rodata)\S*\s+(\d+)", run("arm-none-eabi-size", "-A", path), re.MULTILINE):
        sizes["code" if kind == "text" else "constants"] += int(size)
    return sizes


def linked(objects, flags: list[str], reached: list[str] | None) -> dict[str, int]:
    """Sizes of what the functions `reached` need of the objects; of all objects if it is None."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "program"
        keep = ["-Wl,--no-gc-sections", "-Wl,-e,0"]
        if reached is not None:
            keep = ["-Wl,--gc-sections", f"-Wl,-e,{reached[0]}", *(f"-Wl,--undefined={name}" for name in reached)]
        run(COMPILER, *flags, "-mthumb", "-nostdlib", "-Wl,--unresolved-symbols=ignore-all", *keep, *objects, "-o", program)
        return section_sizes(program)


def root_size(objects: dict, flags: list[str], op_names) -> dict[str, int]:
    """Sizes of some ops and all that they reach."""
    sizes = linked(objects.values(), flags, [f"Reach{op}" for op in op_names])
    roots = subprocess.run(["arm-none-eabi-nm", "-S", objects["roots"]], capture_output=True, text=True, check=True).stdout
    own = {name: int(size, 16) for size, name in re.findall(r"^\w+ (\w+) T Reach(\w+)$", roots, re.MULTILINE)}
    sizes["code"] -= sum(own[op] for op in op_names)  # the functions that stand for the application
    return sizes


def measure(flags: list[str]) -> dict[str, dict[str, dict[str, int]]]:
    """{"files" | "ops" | "together": {name: sizes}} on a processor."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        objects = compile_all(folder, flags)
        files = {name: section_sizes(path) for name, path in objects.items() if name != "roots"}
        every = [path for name, path in objects.items() if name != "roots"]
        result = {
            "files": files,
            "ops": {f"TinyProp{op}": root_size(objects, flags, [op]) for op in ops()},
            "together": {"all ops": root_size(objects, flags, ops()), "all ops and the runtime": linked(every, flags, None),
                         DENSE_TRAINING: root_size(objects, flags, DENSE)},
        }
        (folder / "stripped").mkdir()
        stripped = compile_all(folder / "stripped", flags + STRIPPED)
        result["together"][DENSE_STRIPPED] = root_size(stripped, flags, DENSE)
        return result


def table(title: str, per_processor: dict, kind: str) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold")
    made.add_column("bytes of code + constants")
    for processor in PROCESSORS:
        made.add_column(processor, justify="right")
    rows = collections.defaultdict(list)
    for processor in PROCESSORS:
        for name, size in per_processor[processor][kind].items():
            rows[name].append(f"{size['code']:,} + {size['constants']:,}")
    for name, cells in rows.items():
        made.add_row(name, *cells)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/sizes")
    parser.add_argument("--check", action="store_true", help="exit with 1 if the bar is missed")
    arguments = parser.parse_args()

    what, folders = header_folders()
    measured = {processor: measure(flags) for processor, flags in PROCESSORS.items()}
    size = sum(measured[BAR["processor"]]["together"][BAR["name"]].values())
    bar = {**BAR, "measured": size, "passed": size <= BAR["bytes"]}
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {"compiler": run(COMPILER, "--version").splitlines()[0], "flags": FLAGS, "stripped_flags": STRIPPED,
              "tflm_headers": what, "processors": measured, "bar": bar}
    (arguments.out / "sizes.json").write_text(json.dumps(report, indent=2) + "\n")

    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table("Files", measured, "files"))
    console.print(table("Ops alone, each with everything it reaches", measured, "ops"))
    console.print(table("Together", measured, "together"))
    console.print(f"{DENSE_TRAINING}: {', '.join(DENSE)}\nchecks stripped: {' '.join(STRIPPED)}\nTFLM headers: {what}"
                  + (f" ({', '.join(folders)})" if what != "stand-ins" else ""))
    console.print(f"bar: {bar['name']}, {bar['processor']}: {size:,} of {bar['bytes']:,} bytes: "
                  f"{'met' if bar['passed'] else 'MISSED'}")
    if arguments.check and not bar["passed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
