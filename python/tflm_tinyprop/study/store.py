"""A study's folder: one JSON file a run, written whole, so that what is there is finished.

    OUT/runs/<id>.json      settings, versions, history and final metrics of a run, or its error
    OUT/start/<id>.keras    start models
"""

from __future__ import annotations

import json
import math
import pathlib

from tflm_tinyprop import files
from tflm_tinyprop.study.settings import RunSettings

FORMAT = 1
FINISHED, FAILED = "finished", "failed"


class Store:
    """Reads and writes the results in a folder."""

    def __init__(self, folder: pathlib.Path):
        self.folder = pathlib.Path(folder)

    @property
    def start_models(self) -> pathlib.Path:
        return self.folder / "start"

    def path(self, settings: RunSettings) -> pathlib.Path:
        return self.folder / "runs" / f"{settings.id}.json"

    def read(self, settings: RunSettings) -> dict | None:
        """The run's result, finished or failed; None if there is none that counts.

        A file that is damaged, has another format or does not hold these settings does not count.
        """
        try:
            result = json.loads(self.path(settings).read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(result, dict) or result.get("format") != FORMAT or result.get("settings") != settings.as_dict():
            return None
        return result if result.get("status") in (FINISHED, FAILED) else None

    def is_finished(self, settings: RunSettings) -> bool:
        result = self.read(settings)
        return result is not None and result["status"] == FINISHED

    def write(self, settings: RunSettings, result: dict) -> None:
        """result: as run.py makes it. Replaces an earlier one."""
        content = {"format": FORMAT, "id": settings.id, "settings": settings.as_dict(), **_jsonable(result)}
        files.write_whole(self.path(settings), json.dumps(content, indent=1, allow_nan=False) + "\n", overwrite=True)

    def write_failure(self, settings: RunSettings, error: str) -> None:
        self.write(settings, {"status": FAILED, "error": error})

    def remove(self, settings: RunSettings) -> None:
        self.path(settings).unlink(missing_ok=True)


def _jsonable(value):
    """JSON knows no NaN: what is not a number becomes null."""
    if isinstance(value, dict):
        return {str(key): _jsonable(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
