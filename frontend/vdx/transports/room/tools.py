"""Calls of the tools of a room's participant, who performs them as RPC methods of those names."""

from livekit import rtc

from vdx.core.errors import ToolFailed
from vdx.core.tools import ToolCall
from vdx.dialog.tools.toolbox import ToolOutcome


class RoomTools:
    """`user` is the identity of the participant, who has `timeout_s` to answer a call."""

    def __init__(self, room: rtc.Room, user: str, timeout_s: float) -> None:
        self._room = room
        self._user = user
        self._timeout_s = timeout_s

    async def perform(self, call: ToolCall) -> ToolOutcome:
        """The payload is the arguments as JSON, the answer any text.

        Raises:
            ToolFailed: there is no such method, it failed, or the participant is gone.
        """
        try:
            answer = await self._room.local_participant.perform_rpc(
                destination_identity=self._user,
                method=call.name,
                payload=call.arguments,
                response_timeout=self._timeout_s,
            )
        except rtc.RpcError as error:
            raise ToolFailed(error.message) from error
        return ToolOutcome(answer)
