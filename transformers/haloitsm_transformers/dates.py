"""Points in time as JSON has them: ISO texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?", re.ASCII | re.DOTALL)


def moment(value: Any) -> datetime | None:
    """Read ``2025-01-31`` or ``2025-01-31T10:00:00Z`` as an aware point in time; None for anything else.

    Without an offset it is UTC, without a time it is midnight.
    """
    if not isinstance(value, str) or not _ISO.fullmatch(value):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
