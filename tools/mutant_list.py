"""The list of mutants (tests/mutants): what an entry is, and whether it fits the sources."""

from __future__ import annotations

import dataclasses
import pathlib
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
LISTS = ROOT / "tests/mutants"
FILE_KEYS = {"path", "cc", "py", "sanitize", "mutant"}
MUTANT_KEYS = {"id", "find", "replace", "nth", "cc", "py", "sanitize", "equivalent"}


class ListError(Exception):
    """An entry of the list that cannot be applied, or whose tests do not pass without it."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One fault: the nth occurrence of `find` in `path` becomes `replace`; without nth it has to occur once.

    cc: names of C++ tests. py: pytest node ids below tests/python. sanitize: the C++ tests run under
    AddressSanitizer, for faults that only read or write where they must not. equivalent: why no test can notice.
    """

    id: str
    path: str
    find: str
    replace: str
    nth: int = 0
    cc: tuple[str, ...] = ()
    py: tuple[str, ...] = ()
    sanitize: bool = False
    equivalent: str = ""

    def apply(self, text: str) -> str:
        """The text of the file with the fault in it. Raises ListError if there is no place for it."""
        count = text.count(self.find)
        if not count or count != 1 and not 1 <= self.nth <= count:
            raise ListError(f"{self.id}: `find` occurs {count} times in {self.path}; update tests/mutants")
        parts = text.split(self.find)
        at = max(1, self.nth)
        mutated = self.find.join(parts[:at]) + self.replace + self.find.join(parts[at:])
        if mutated == text:
            raise ListError(f"{self.id}: `replace` changes nothing")
        return mutated


def load_mutants(folder: pathlib.Path = LISTS) -> list[Mutant]:
    """All entries. A [[file]] has a path and tests, which its [[file.mutant]] entries may replace by their own."""
    mutants: dict[str, Mutant] = {}
    for listing in sorted(folder.glob("*.toml")):
        for file in tomllib.loads(listing.read_text("utf-8"))["file"]:
            for entry in file["mutant"]:
                wrong = (set(file) - FILE_KEYS) | (set(entry) - MUTANT_KEYS)
                if wrong or entry.get("id") in mutants:
                    raise ListError(f"{listing.name}: {entry.get('id')}: {wrong or 'this id is taken'}")
                fields = {"cc": file.get("cc", []), "py": file.get("py", []), "sanitize": file.get("sanitize", False)}
                fields |= entry
                fields |= {kind: tuple(fields[kind]) for kind in ("cc", "py")}
                mutants[entry["id"]] = Mutant(path=file["path"], **fields)
    return list(mutants.values())


def check(mutant: Mutant, root: pathlib.Path = ROOT) -> None:
    """Raises ListError unless the entry can be applied and its tests exist. Runs nothing."""
    source = root / mutant.path
    if not source.is_file():
        raise ListError(f"{mutant.id}: {mutant.path} does not exist")
    mutated = mutant.apply(source.read_text("utf-8"))
    if source.suffix == ".py":
        try:
            compile(mutated, mutant.path, "exec")
        except SyntaxError as error:
            raise ListError(f"{mutant.id}: {error}") from error
    if not (mutant.cc or mutant.py or mutant.equivalent):
        raise ListError(f"{mutant.id}: no tests are named")
    for name in mutant.cc:
        if not list((root / "tests/cc").glob(f"*/{name}.cc")):
            raise ListError(f"{mutant.id}: there is no C++ test {name}")
    for node in mutant.py:
        if not has_test(node, root):
            raise ListError(f"{mutant.id}: there is no Python test {node}")


def has_test(node: str, root: pathlib.Path) -> bool:
    file, _, name = node.partition("::")
    path = root / "tests/python" / file
    text = path.read_text("utf-8") if path.is_file() else ""
    return path.exists() and (not name or f"def {name.partition('[')[0]}(" in text)
