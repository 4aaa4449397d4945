"""A report as a list of blocks, written as Markdown with pictures beside it or as one HTML page."""

from __future__ import annotations

import base64
import dataclasses
import pathlib

import jinja2
from markdown_it import MarkdownIt

from tflm_tinyprop import files


@dataclasses.dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclasses.dataclass(frozen=True)
class Paragraph:
    text: str


@dataclasses.dataclass(frozen=True)
class Table:
    """The first `text_columns` columns are text, the others numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1


@dataclasses.dataclass(frozen=True)
class Picture:
    """name: of the file, without suffix; png: its bytes; text: what it shows."""

    name: str
    png: bytes
    text: str


def write(folder: pathlib.Path, title: str, blocks: list) -> None:
    """Writes report.md, its pictures, and report.html, which needs no other file."""
    for block in blocks:
        if isinstance(block, Picture):
            files.write_whole(folder / f"{block.name}.png", block.png, overwrite=True)
    files.write_whole(folder / "report.md", markdown(blocks), overwrite=True)
    files.write_whole(folder / "report.html", page(title, blocks), overwrite=True)


def markdown(blocks: list) -> str:
    return "\n\n".join(_MARKDOWN[type(block)](block) for block in blocks) + "\n"


def _markdown_table(table: Table) -> str:
    numbers = len(table.header) - table.text_columns
    lines = [table.header, *table.rows]
    cells = [" | ".join(map(_markdown_cell, line)) for line in lines]
    return "\n".join([f"| {cells[0]} |", "|" + "---|" * table.text_columns + "---:|" * numbers,
                      *(f"| {line} |" for line in cells[1:])])


def _markdown_cell(text: str) -> str:
    """Errors are cells too: theirs may have several lines, and <class 'x'> is no HTML."""
    return " ".join(text.split("\n")).replace("|", "\\|").replace("<", "\\<")


_MARKDOWN = {
    Heading: lambda b: f"{'#' * b.level} {b.text}",
    Paragraph: lambda b: b.text.strip(),
    Table: _markdown_table,
    Picture: lambda b: f"![{b.text}]({b.name}.png)\n\n{b.text}",
}


def page(title: str, blocks: list) -> str:
    """One HTML page with everything in it, of the same Markdown as the other form."""
    # Nothing but paragraphs, code and tables: what looks like a link or HTML is text.
    text = MarkdownIt("zero").enable(["backticks", "escape", "table"])
    environment = jinja2.Environment(loader=jinja2.PackageLoader("tflm_tinyprop.study"), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    return environment.get_template("report.html").render(title=title, blocks=[
        {"kind": type(block).__name__, "block": block, "html": text.render(_MARKDOWN[type(block)](block)),
         "data": base64.b64encode(block.png).decode() if isinstance(block, Picture) else ""} for block in blocks])
