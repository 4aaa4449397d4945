"""No heap, nothing before main, no writable globals, and a stack that is known."""

import re
import subprocess

import pytest
from boards import BOARDS, build_folder, heap_symbols, output_of, writable_bytes

PROGRAMS = ("core_kernels", "runtime_checks", "thousand_steps", "weight_store_checks")


@pytest.mark.parametrize("board", BOARDS)
def test_no_heap(board):
    for program in PROGRAMS:
        assert heap_symbols(build_folder(board) / program) == [], program


@pytest.mark.parametrize("board", BOARDS)
def test_no_writable_globals(board):
    assert writable_bytes(build_folder(board) / "libtinyprop.a") == {}


@pytest.mark.parametrize("name, reason", [("uses_heap", "undefined reference to `_sbrk'"),
                                          ("static_constructor", "the program has static constructors")])
@pytest.mark.parametrize("board", BOARDS)
def test_what_must_not_link(board, name, reason):
    built = subprocess.run(["cmake", "--build", build_folder(board), "--target", name], capture_output=True, text=True)
    assert built.returncode != 0
    assert reason in built.stderr


def test_the_checks_above_notice_what_they_are_for():
    folder = build_folder("mps2-an386")
    for name in ("uses_heap", "static_constructor"):
        subprocess.run(["cmake", "--build", folder, "--target", name], capture_output=True)
    uses_heap, constructor = (folder / f"CMakeFiles/{name}.dir/{name}.cc.obj" for name in ("uses_heap", "static_constructor"))
    assert heap_symbols(uses_heap) == ["operator new(unsigned int)"]
    assert [name.split(".")[-1] for name in writable_bytes(uses_heap)] == ["_ZN12_GLOBAL__N_16numberE"]
    assert any(".init_array" in name for name in writable_bytes(constructor))


@pytest.mark.parametrize("board", BOARDS)
def test_stack_of_the_weight_store(board, figures):
    stack = dict(re.findall(r"^stack (\w+) (\d+)$", output_of(board, "weight_store_checks"), re.MULTILINE))
    figures[board] = {f"stack_of_{call}_bytes": int(depth) for call, depth in stack.items()}
    assert stack.keys() == {"save", "load"}
    assert all(100 < int(depth) < 1024 for depth in stack.values())
