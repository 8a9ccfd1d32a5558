"""A HaloITSM on your own machine, for trying and testing: a real HTTP server that behaves as the facts say."""

from haloitsm_connector.sandbox.faults import Faults
from haloitsm_connector.sandbox.journal import Effect, Recorded
from haloitsm_connector.sandbox.quirks import Quirks
from haloitsm_connector.sandbox.server import Sandbox, serve

__all__ = ["Effect", "Faults", "Quirks", "Recorded", "Sandbox", "serve"]
