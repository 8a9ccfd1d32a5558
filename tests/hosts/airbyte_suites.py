"""The CDK's own standard tests for sources and destinations, run in the environment of Airbyte; see test_airbyte.py.

``CONNECTOR`` is a folder with an ``acceptance-test-config.yml`` and the configurations that it names.
"""

from __future__ import annotations

import os
from pathlib import Path

from airbyte_cdk.test.standard_tests import DestinationTestSuiteBase, SourceTestSuiteBase

from haloitsm_connector.hosts.airbyte.destination import DestinationHaloITSM
from haloitsm_connector.hosts.airbyte.source import SourceHaloITSM

FOLDER = Path(os.environ["CONNECTOR"])

if FOLDER.name.startswith("source"):

    class TestSource(SourceTestSuiteBase):
        connector = SourceHaloITSM

        @classmethod
        def get_connector_root_dir(cls) -> Path:
            return FOLDER

else:

    class TestDestination(DestinationTestSuiteBase):
        connector = DestinationHaloITSM

        @classmethod
        def get_connector_root_dir(cls) -> Path:
            return FOLDER
