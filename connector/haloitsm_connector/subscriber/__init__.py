"""Subscribers: where entities come from."""

from haloitsm_connector.subscriber.base import Cursor, Slice, Sliced, SubscriberBase
from haloitsm_connector.subscriber.file import FileSubscriber
from haloitsm_connector.subscriber.haloitsm import Subscriber
from haloitsm_connector.subscriber.http import HttpSubscriber
from haloitsm_connector.subscriber.incremental import ByDates, ByField, Incremental
from haloitsm_connector.subscriber.report import ReportSubscriber

__all__ = [
    "ByDates",
    "ByField",
    "Cursor",
    "FileSubscriber",
    "HttpSubscriber",
    "Incremental",
    "ReportSubscriber",
    "Slice",
    "Sliced",
    "Subscriber",
    "SubscriberBase",
]
