"""Subscribers: where entities come from."""

from haloitsm_connector.subscriber.base import SubscriberBase
from haloitsm_connector.subscriber.file import FileSubscriber
from haloitsm_connector.subscriber.haloitsm import Subscriber
from haloitsm_connector.subscriber.http import HttpSubscriber

__all__ = ["FileSubscriber", "HttpSubscriber", "Subscriber", "SubscriberBase"]
