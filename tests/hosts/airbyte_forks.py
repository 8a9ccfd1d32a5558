"""Run our programs, each in a process of its own that finds Airbyte's CDK imported already: that takes seconds.

Each line of standard input,
``{"program": …, "arguments": […], "folder": …, "variables": {…}, "files": [in, out, err]}``, is a program to run; the
answer is its exit status.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import entry_points

import haloitsm_connector.hosts.airbyte.destination
import haloitsm_connector.hosts.airbyte.source  # noqa: F401

for line in sys.stdin:
    task = json.loads(line)
    child = os.fork()
    if child == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()

os.chdir(task["folder"])
os.environ.clear()
os.environ.update(task["variables"])
for number, file in enumerate(task["files"]):
    os.dup2(os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
sys.argv = [task["program"], *task["arguments"]]
[command] = entry_points(group="console_scripts", name=task["program"])
sys.exit(command.load()())
