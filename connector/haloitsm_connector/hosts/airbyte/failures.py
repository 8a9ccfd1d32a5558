"""What Airbyte is told of a failure: our sentence, and whether its user, nobody or time can mend it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
from airbyte_cdk.models import AirbyteMessageSerializer, FailureType, StreamDescriptor
from airbyte_cdk.utils import AirbyteTracedException
from serpyco_rs import SchemaValidationError

from haloitsm_connector.errors import (
    AuthenticationError,
    ConnectorError,
    HeldError,
    InputError,
    RemoteError,
    StateError,
    StatusError,
)

NOT_ALLOWED = frozenset({401, 403})


def failure(error: ConnectorError, stream: str | None = None) -> AirbyteTracedException:
    """Return a failure as the CDK's exception, with the stream that it is about."""
    return AirbyteTracedException(
        message=str(error),
        internal_message=f"{type(error).__name__}: {error}",
        failure_type=_kind(error),
        exception=error,
        stream_descriptor=StreamDescriptor(name=stream) if stream else None,
    )


@contextmanager
def told(stream: str | None = None) -> Iterator[None]:
    """Raise our errors as the CDK's, with the stream that they are about."""
    try:
        yield
    except ConnectorError as error:
        raise failure(error, stream) from error
    except SchemaValidationError as error:
        wrong = "; ".join(f"{each.instance_path}: {each.message}" for each in error.errors)
        raise failure(InputError(f"this is not as Airbyte's protocol has it: {wrong}")) from error


@contextmanager
def emitted(command: str) -> Iterator[None]:
    """Write a failure as a message, and end with exit status 1; a check that says what is wrong has not failed."""
    try:
        with told():
            yield
    except AirbyteTracedException as error:
        status = error.as_connection_status_message() if command == "check" else None
        if status is None:
            error.emit_message()
            sys.exit(1)
        sys.stdout.write(f"{orjson.dumps(AirbyteMessageSerializer.dump(status)).decode()}\n")


def _kind(error: ConnectorError) -> FailureType:
    """Return config_error for what a user mends, transient_error for what another try may get round."""
    if isinstance(error, StateError):
        return FailureType.transient_error if isinstance(error, HeldError) else FailureType.system_error
    if isinstance(error, RemoteError) and not isinstance(error, AuthenticationError):
        refused = isinstance(error, StatusError) and error.status in NOT_ALLOWED
        return FailureType.config_error if refused else FailureType.transient_error
    return FailureType.config_error
