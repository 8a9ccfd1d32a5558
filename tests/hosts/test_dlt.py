"""dlt in its own environment, and what is said where it is not installed."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_suite_of_dlt_passes(environment, tmp_path):
    options = ("-q", "-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null", "--rootdir", tmp_path)
    suite = Path(__file__).with_name("dlt_suite.py")
    ran = environment("dlt").run("python", "-m", "pytest", *options, suite, timeout_seconds=500)
    assert ran.status == 0, ran.out[-5000:]
    assert int(re.search(r"(\d+) passed", ran.out)[1]) >= 26


@pytest.mark.skipif(importlib.util.find_spec("dlt") is not None, reason="dlt is installed beside the connector")
def test_where_dlt_is_missing_it_is_said_how_to_get_it():
    with pytest.raises(ImportError, match=r"pip install 'haloitsm-connector\[dlt\]'"):
        importlib.import_module("haloitsm_connector.hosts.dlt")
