"""Callers on the telephone: participants whom LiveKit's SIP service puts into a room."""

import asyncio
import contextlib
from typing import Final

from livekit import rtc
from livekit.protocol.room import RoomParticipantIdentity

from vdx.core.config import LiveKitConfig
from vdx.core.logs import logger
from vdx.transports.room.abandoned_rooms import REFUSED, client

log = logger(__name__)

CALL_ID: Final = "sip.callID"
"""The one attribute of a caller that is logged; `sip.phoneNumber` and others name a person."""
DELIVERED_S: Final = 1.0
"""A user's client may take so long to have got what was sent; some never say."""
QUESTION: Final = "vdx.delivered"
"""An RPC method that no client has: that there is none is an answer, too."""


def is_caller(participant: rtc.RemoteParticipant | None) -> bool:
    """Whether this is somebody on a telephone."""
    kind = rtc.ParticipantKind.PARTICIPANT_KIND_SIP
    return participant is not None and participant.kind == kind


def log_call(participant: rtc.RemoteParticipant) -> None:
    """Writes that a call was answered, without who calls."""
    log.info("telephone call", call=participant.attributes.get(CALL_ID, ""))


async def delivered(me: rtc.LocalParticipant, user: str) -> None:
    """Returns when a user's client has got what was sent to it, DELIVERED_S at most.

    Nothing else confirms data. An RPC takes the same way, behind what was sent before.
    """
    with contextlib.suppress(rtc.RpcError, TimeoutError):
        async with asyncio.timeout(DELIVERED_S):
            await me.perform_rpc(destination_identity=user, method=QUESTION, payload="")


async def hang_up(config: LiveKitConfig, room: str, caller: str) -> None:
    """Removes a caller from the room, whereupon LiveKit's SIP service ends their call."""
    try:
        async with client(config) as livekit:
            await livekit.room.remove_participant(
                RoomParticipantIdentity(room=room, identity=caller)
            )
    except REFUSED as error:  # they were quicker, or the server is away
        log.warning("telephone call not ended", error=repr(error))
