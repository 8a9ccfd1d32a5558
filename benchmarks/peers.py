"""Other people's packages, each in a virtual environment of its own below ``.venv-bench/``: never dependencies."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".venv-bench"
NEEDS = {
    "pycurl-multi": ("pycurl>=7.45", "orjson>=3.10"),
    "halopsa": ("halopsa==2.0.2",),
    "haloitsm-python": ("haloitsm-python==0.1.0",),
}


def python_of(name: str) -> Path | str:
    """Return the Python that has what a contender needs: made at the first call for a peer, ours for all others."""
    if name not in NEEDS:
        return sys.executable
    folder = FOLDER / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"installing {', '.join(NEEDS[name])} …", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *NEEDS[name]]
        subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
        (folder / "ready").touch()
    return python
