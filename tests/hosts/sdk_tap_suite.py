"""The SDK's own suite for taps, run in the environment of Singer; see test_singer.py."""

from __future__ import annotations

import json
import os

from singer_sdk.testing import SuiteConfig, get_tap_test_class

from haloitsm_connector.hosts.singer.tap import TapHaloITSM

TestTapHaloITSM = get_tap_test_class(
    TapHaloITSM,
    config=json.loads(os.environ["TAP_CONFIG"]),
    suite_config=SuiteConfig(max_records_limit=60),
)
