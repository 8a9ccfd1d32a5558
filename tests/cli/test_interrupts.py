"""An interrupt ends a command whenever it comes."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import signal, time
from haloitsm_connector.cli.interrupts import none_lost

class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

with none_lost():
    try:
        Finalized()
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.slow
def test_an_interrupt_that_comes_in_a_finalizer_is_not_lost():
    ended = subprocess.run([sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, timeout=50)
    assert (ended.stdout, ended.stderr) == ("interrupted\n", "")
