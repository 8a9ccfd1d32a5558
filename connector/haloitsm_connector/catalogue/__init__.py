"""What Halo's API offers, as facts: every operation, its parameters, its list behaviour, the fields of its records."""

from haloitsm_connector.catalogue.find import UnknownOperation
from haloitsm_connector.catalogue.load import Catalogue
from haloitsm_connector.catalogue.model import METHODS, Field, Listing, Operation, Parameter
from haloitsm_connector.catalogue.refresh import Summary, refresh

__all__ = [
    "METHODS",
    "Catalogue",
    "Field",
    "Listing",
    "Operation",
    "Parameter",
    "Summary",
    "UnknownOperation",
    "refresh",
]
