"""Publishers: where entities go, and what became of each."""

from haloitsm_connector.publisher.base import Outcome, PublisherBase, Status
from haloitsm_connector.publisher.file import FilePublisher
from haloitsm_connector.publisher.haloitsm import Publisher
from haloitsm_connector.publisher.http import HttpPublisher

__all__ = ["FilePublisher", "HttpPublisher", "Outcome", "Publisher", "PublisherBase", "Status"]
