"""Every command, configuration and Python block of the README and the how-to pages is executed, in order, page by page.

A page is a folder of its own and one shell. Blocks of YAML, CSV, JSON, Jinja and Python whose first line is a comment
with a file name are written to that file. ``console`` blocks hold ``$ command`` lines, each followed by what it prints;
a line ``...`` stands for any lines. A command that ends in ``&`` runs on in the background. ``python`` blocks run as
scripts. The page of a host, ``docs/hosts/NAME.md``, runs in the environment of that name, the other hosts beside it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sparks
from dotenv import dotenv_values

ROOT = Path(__file__).parents[2]
HOSTS = ROOT / ".venv-hosts"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "hosts").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"^#\s*([\w./-]+\.\w+)\s*$")


def programs(page: Path) -> list[Path]:
    """Return the folders of the programs that a page runs; the test is skipped where its host is not installed."""
    if page.parent.name != "hosts":
        return [Path(sys.executable).parent]
    if not (HOSTS / page.stem / ".ready").exists():
        pytest.skip(f"{page.stem} is not installed; 'make hosts' installs it")
    if page.stem == "spark":
        sparks.needs()
    return [HOSTS / page.stem / "bin", *sorted(HOSTS.glob("*/bin"))]


@pytest.fixture
def shell(tmp_path, page):
    """Run commands in a fresh folder, with the variables of its .env file, and end what they left running."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HALO")},
        "PATH": os.pathsep.join([*map(str, programs(page)), os.environ["PATH"]]),
        "XDG_CONFIG_HOME": str(tmp_path / ".config"),
        "HOME": str(tmp_path),
        **(sparks.FASTER if page.stem == "spark" else {}),
    }
    running: list[subprocess.Popen] = []

    def run(command: str | list[str]) -> str:
        variables = {**environment, **dotenv_values(tmp_path / ".env")}
        shown = isinstance(command, str)
        if shown and command.endswith("&"):
            running.append(
                subprocess.Popen(
                    command.removesuffix("&"), shell=True, cwd=tmp_path, env=variables, start_new_session=True
                )
            )
            wait_for(tmp_path / ".env")
            return ""
        done = subprocess.run(
            command,
            shell=shown,
            cwd=tmp_path,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        return done.stdout + (f"\n[exit status {done.returncode}]" if done.returncode else "")

    yield run
    for process in running:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 20
    while not (file.is_file() and file.stat().st_size):
        assert time.monotonic() < deadline, f"{file.name} did not appear"
        time.sleep(0.05)


def commands(block: str) -> list[tuple[str, list[str]]]:
    """Split a console block into its commands and the lines that each is shown to print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0][:-1]}{line.strip()}", [])
        else:
            found[-1][1].append(line)
    return found


def shows(printed: str, expected: list[str]) -> bool:
    """Whether the printed text is the expected lines, ``...`` standing for any lines; white space is not compared."""

    def squeezed(line: str) -> str:
        return re.escape(" ".join(line.split())).replace(r"\.\.\.", ".*")

    pattern = "".join(r"(?:.*\n)*" if line.strip() == "..." else squeezed(line) + r"\n" for line in expected if line)
    text = "".join(" ".join(line.split()) + "\n" for line in printed.splitlines() if line.strip())
    return re.fullmatch(pattern, text) is not None


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_does_what_it_shows(page, shell, tmp_path):
    for language, block in BLOCK.findall(page.read_text("utf-8")):
        named = FILE_NAME.match(block.partition("\n")[0])
        if language in {"yaml", "csv", "json", "jinja", "python"} and named:
            file = tmp_path / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block if language in {"yaml", "python"} else block.partition("\n")[2], "utf-8")
        if language == "python":
            printed = shell(["python", "-P", "-W", "error", "-c", block])
            assert "[exit status" not in printed, printed
        elif language == "console":
            for command, expected in commands(block):
                printed = shell(command)
                if expected:
                    assert shows(printed, expected), f"$ {command}\n{printed}"
                else:
                    assert "[exit status" not in printed, f"$ {command}\n{printed}"
