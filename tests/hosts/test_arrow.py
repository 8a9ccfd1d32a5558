"""Arrow in its own environment, and what is said where it is not installed."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from haloitsm_connector.arrow import record_batches
from haloitsm_connector.errors import InputError


@pytest.mark.slow
def test_the_suite_of_arrow_passes(environment, tmp_path):
    options = ("-q", "-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null", "--rootdir", tmp_path, "-W", "error")
    ran = environment("arrow").run("python", "-m", "pytest", *options, Path(__file__).with_name("arrow_suite.py"))
    assert ran.status == 0, ran.out[-3000:]
    assert int(re.search(r"(\d+) passed", ran.out)[1]) >= 19


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is not None, reason="pyarrow is installed beside the connector")
def test_where_pyarrow_is_missing_it_is_said_how_to_get_it():
    with pytest.raises(InputError, match=r"pip install 'haloitsm-connector\[arrow\]'"):
        record_batches([])
