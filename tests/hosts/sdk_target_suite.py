"""The SDK's own suite for targets, run in the environment of Singer; see test_singer.py."""

from __future__ import annotations

import json
import os

from singer_sdk.testing import get_target_test_class

from haloitsm_connector.hosts.singer.target import TargetHaloITSM

TestTargetHaloITSM = get_target_test_class(TargetHaloITSM, config=json.loads(os.environ["TARGET_CONFIG"]))
