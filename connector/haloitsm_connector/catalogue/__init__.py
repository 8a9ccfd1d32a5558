"""What Halo's API offers, as facts: every operation, its parameters, its list behaviour, the fields of its records."""

from .find import UnknownOperation
from .load import Catalogue
from .model import METHODS, Field, Listing, Operation, Parameter
from .refresh import Summary, refresh

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
