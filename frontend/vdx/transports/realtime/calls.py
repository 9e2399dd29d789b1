"""Why vdx has no WebRTC by SDP, and what a client can use in its place."""

from typing import Final

NO_CALLS: Final = (
    "vdx takes no WebRTC calls by SDP (/v1/realtime/calls): its WebRTC is LiveKit's. Ask POST "
    "/token for a room and a token, and join it with a LiveKit SDK; or use the WebSocket "
    "/v1/realtime"
)
