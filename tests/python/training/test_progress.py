"""One progress for everything that takes long: a bar on a terminal, lines elsewhere."""

import io

from tflm_tinyprop.training.progress import Progress, figures, wanted


def use(progress: Progress) -> None:
    with progress:
        progress.line("[bold]before")
        for name in ("first", "second"):
            progress.begin(name, 3)
            progress.update(description=f"{name} now", advance=2, figures=figures({"loss": 0.5, "other": 1}))


def test_without_a_bar_there_are_lines_only():
    out = io.StringIO()
    use(Progress(False, out=out))
    assert out.getvalue() == "[bold]before\n"


def test_a_bar_shows_the_task_that_began_last(capsys):
    use(Progress(True))
    shown = capsys.readouterr().out
    assert "[bold]before" in shown and "second now" in shown and "2/3" in shown and "loss 0.500" in shown
    assert "first" not in shown


def test_who_gets_a_bar():
    assert (wanted("auto"), wanted(True), wanted(False)) == (False, True, False)


def test_names_are_shown_as_they_are(capsys):
    """Rich takes text in brackets for markup, and stops at some of it."""
    for name in ("enc[/mel]", "[bold]x"):
        with Progress(True) as progress:
            progress.begin(name, total=2)
            progress.update(advance=1, figures=f"{name} 1.0")
        shown = capsys.readouterr().out
        assert shown.count(name) >= 2
