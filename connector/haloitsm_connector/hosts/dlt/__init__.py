"""dlt: ``haloitsm_source`` to read from, ``haloitsm`` as a destination (extra ``dlt``)."""

from __future__ import annotations

try:
    from haloitsm_connector.hosts.dlt.destination import haloitsm
    from haloitsm_connector.hosts.dlt.settings import HaloITSMCredentials
    from haloitsm_connector.hosts.dlt.source import haloitsm_source
except ModuleNotFoundError as error:
    if error.name != "dlt":
        raise
    raise ImportError("dlt is not installed. Install it: pip install 'haloitsm-connector[dlt]'.", name="dlt") from None

__all__ = ["HaloITSMCredentials", "haloitsm", "haloitsm_source"]
