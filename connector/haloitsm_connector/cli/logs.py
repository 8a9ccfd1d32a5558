"""How logs look on standard error: lines of text for a person, or a JSON object per line for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from haloitsm_connector.cli.output import harmless
from haloitsm_connector.context import noted

Style = Literal["text", "json"]


class JsonLines(logging.Formatter):
    """Writes ``at``, ``level``, ``logger`` and ``message``, and to which route, task and request the line belongs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **noted(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class Lines(logging.Formatter):
    """Writes lines for a person, in which nothing that came from elsewhere can command a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return harmless(super().format(record))


def set_up(style: Style, *, timed: bool = False) -> None:
    """Write logs to standard error from now on; text begins with the time of the line where it is ``timed``."""
    handler = logging.StreamHandler(sys.stderr)
    text = Lines("%(asctime)s %(message)s" if timed else "%(message)s", "%Y-%m-%d %H:%M:%S")
    handler.setFormatter(JsonLines() if style == "json" else text)
    logging.basicConfig(handlers=[handler], force=True)
    if style == "json" or timed:
        logging.getLogger("haloitsm").setLevel(logging.INFO)
