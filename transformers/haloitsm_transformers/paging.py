"""How an API pages, as options: by number, by position, or by the link to the next page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from haloitsm_transformers.contract import Params
from haloitsm_transformers.fields import Expression


class PagePaging(Params):
    """Pages by number: ``?page=1``, ``?page=2``, until one is empty or repeats the one before."""

    type: Literal["page"] = Field(description="This kind of paging.")
    page_parameter: str = Field("page", description="Query parameter that takes the page's number.")
    first_page: int = Field(1, ge=0, description="Number of the first page.")
    size_parameter: str | None = Field(None, description="Query parameter that takes the page's size, if there is one.")
    page_size: int = Field(100, ge=1, description="Entities to ask for per page.")


class OffsetPaging(Params):
    """Pages by position: ``?offset=0``, ``?offset=100``, going on by the number of entities received."""

    type: Literal["offset"] = Field(description="This kind of paging.")
    offset_parameter: str = Field("offset", description="Query parameter that takes the number of entities to skip.")
    size_parameter: str | None = Field("limit", description="Query parameter that takes the page's size.")
    page_size: int = Field(100, ge=1, description="Entities to ask for per page.")


class NextLinkPaging(Params):
    """Pages by the link to the next one that each answer carries; only links to the same host are followed."""

    type: Literal["next_link"] = Field(description="This kind of paging.")
    next: Expression | None = Field(
        None, description="JMESPath expression to the link in the answer; else the Link header with rel=next is used."
    )


Paging = Annotated[PagePaging | OffsetPaging | NextLinkPaging, Field(discriminator="type")]
