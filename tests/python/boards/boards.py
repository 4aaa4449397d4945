"""The programs of tests/firmware on QEMU's boards and on the host, and what is in their files."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
CROSS = "arm-none-eabi-"


def _load_qemu():
    spec = importlib.util.spec_from_file_location("qemu", ROOT / "tests/firmware/qemu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_qemu = _load_qemu()
BOARDS, PROCESSORS = _qemu.BOARDS, _qemu.PROCESSORS


def build_folder(board: str) -> pathlib.Path:
    """Where the programs for a board, or for "host", are."""
    folder = os.environ.get("TINYPROP_FIRMWARE")
    assert folder, "TINYPROP_FIRMWARE is not set: run `make firmware-test`, which builds the programs it names."
    return pathlib.Path(folder) / board


def run(board: str, program: str) -> tuple[int, str]:
    """(exit code, output) of a program on a board or on the host."""
    path = build_folder(board) / program
    if board != "host":
        return _qemu.run(board, path, timeout=120)
    done = subprocess.run([path], stdout=subprocess.PIPE, text=True, timeout=120)
    return done.returncode, done.stdout


def output_of(board: str, program: str) -> str:
    """The output of a program that must succeed."""
    code, output = run(board, program)
    assert code == 0, f"{program} on {board} ended with {code}:\n{output[-2000:]}"
    return output


def tool(name: str, *arguments) -> str:
    """Output of one of the cross compiler's tools."""
    return subprocess.run([CROSS + name, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True).stdout


HEAP = re.compile(r"^(_?malloc(_r)?|_?free(_r)?|_?calloc(_r)?|_?realloc(_r)?|_?sbrk(_r)?|operator (new|delete)\b.*)$")


def heap_symbols(program: pathlib.Path) -> list[str]:
    """Symbols of a heap, defined or referred to."""
    names = tool("nm", "--demangle", "--format=just-symbols", program).splitlines()
    return sorted({name for name in names if HEAP.match(name)})


def writable_bytes(objects: pathlib.Path) -> dict[str, int]:
    """{"object section": bytes} of everything writable or run before main, in an object file or a library."""
    found, current = {}, ""
    for line in tool("size", "-A", objects).splitlines():
        title = re.match(r"^(\S+)\s.*:$", line)
        section = re.match(r"^(\.data|\.bss|\.init_array|\.ctors|\.tdata|\.tbss|COMMON)(\S*)\s+(\d+)", line)
        if title:
            current = title.group(1)
        elif section and int(section.group(3)) > 0:
            found[f"{current} {section.group(1)}{section.group(2)}"] = int(section.group(3))
    return found
