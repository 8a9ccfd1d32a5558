"""What can go wrong on the socket while an answer is sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from aiohttp import web

from haloitsm_connector.sandbox.answers import Answer
from haloitsm_connector.sandbox.faults import Drip, Fault, Reset, Truncated, WrongLength


def response_to(answered: Answer) -> web.Response:
    """Return an answer as it is sent when nothing goes wrong."""
    return web.Response(status=answered.status, body=answered.body, headers=_headers(answered))


def _headers(answered: Answer) -> dict[str, str]:
    kind = {"Content-Type": answered.content_type} if answered.content_type else {}
    return {**answered.headers, **kind}


async def sent(request: web.BaseRequest, answered: Answer, fault: Fault | None) -> web.StreamResponse:
    """Send an answer with what the fault does to it; without such a fault it goes out as it is."""
    match fault:
        case Reset():
            _reset(request)
        case Truncated():
            return await _streamed(request, answered, keep=int(len(answered.body) * fault.part))
        case WrongLength():
            return await _streamed(request, answered, off_by=fault.off_by)
        case Drip():
            return await _streamed(request, answered, pieces=fault.pieces, seconds=fault.seconds)
    return response_to(answered)


def _reset(request: web.BaseRequest) -> None:
    """Close the connection with a TCP reset: lingering for no time throws away what was not sent."""
    if request.transport is not None:
        if (connected := request.transport.get_extra_info("socket")) is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


async def _streamed(
    request: web.BaseRequest, answered: Answer, *, keep: int | None = None, off_by: int = 0, pieces: int = 1,
    seconds: float = 0.0,
) -> web.StreamResponse:  # fmt: skip
    """Send the head and then the body in pieces; with ``keep``, only so many bytes of it before hanging up."""
    body, hangs_up = answered.body, keep is not None or off_by < 0
    end = len(body) if keep is None else keep
    response = web.StreamResponse(status=answered.status, headers=_headers(answered))
    response.content_length = announced = max(0, len(body) + off_by)
    if hangs_up:
        response.force_close()  # else it is a race whether the client's next request is lost with this connection
    size = -(-len(body) // pieces) or 1
    with contextlib.suppress(ConnectionResetError):  # whoever asked need not wait for all of it
        await response.prepare(request)
        for start in range(0, end, size):
            await response.write(body[start : min(start + size, end)])
            await asyncio.sleep(seconds / pieces)
    if request.transport is not None and hangs_up:
        request.transport.write(body[announced:])
        request.transport.close()
    return response
