"""Takes out of a reading what names a machine or its user, so that it can go into a bug report."""

from __future__ import annotations

import re

_UUID = re.compile(r"\b(GPU|MIG)-[0-9a-fA-F][0-9a-fA-F-]{7,}")
_MOST = 200


def redacted(text: str, home: str, user: str | None = None, host: str | None = None) -> str:
    """One line of at most 200 characters: home as ``~``, names of user and host and UUIDs of GPUs taken out."""
    line = " | ".join(" ".join(part.split()) for part in text.replace("\0", " ").splitlines() if part.strip())
    if len(home) > 1:
        line = line.replace(home, "~")
    for name, stand_in in ((user, "USER"), (host, "HOST")):
        if name and len(name) > 2 and name not in ("root", "localhost"):
            line = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", stand_in, line)
    line = _UUID.sub(r"\1-...", line)
    return line if len(line) <= _MOST else line[:_MOST] + "..."
