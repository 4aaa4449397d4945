"""A report as a list of blocks, written as Markdown with pictures beside it or as one HTML page."""

from __future__ import annotations

import base64
import dataclasses
import html
import pathlib
import re

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

_STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; font-size: 90%; }
th, td { padding: .25em .7em; border-bottom: 1px solid #ddd; text-align: left; white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; } figure { margin: 1em 0; } figcaption { color: #555; font-size: 90%; }
div.wide { overflow-x: auto; }
"""


def page(title: str, blocks: list) -> str:
    body = "\n".join(_HTML[type(block)](block) for block in blocks)
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
            f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n")


def _html_table(table: Table) -> str:
    def line(cells, tag: str) -> str:
        return "<tr>" + "".join(
            f"<{tag}{' class=n' if column >= table.text_columns else ''}>{html.escape(cell)}</{tag}>"
            for column, cell in enumerate(cells)) + "</tr>"

    rows = "\n".join(line(row, "td") for row in table.rows)
    return f'<div class="wide"><table>\n{line(table.header, "th")}\n{rows}\n</table></div>'


def _html_picture(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode()
    text = html.escape(picture.text)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'


def _html_paragraph(paragraph: Paragraph) -> str:
    """Blank lines separate paragraphs, backticks mark code: all of Markdown that reports use."""
    parts = [re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(part, quote=False))
             for part in re.split(r"\n\s*\n", paragraph.text.strip())]
    return "\n".join(f"<p>{part}</p>" for part in parts)


_HTML = {
    Heading: lambda b: f"<h{b.level}>{html.escape(b.text)}</h{b.level}>",
    Paragraph: _html_paragraph,
    Table: _html_table,
    Picture: _html_picture,
}
