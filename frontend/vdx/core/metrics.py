"""Prometheus metrics of the frontend, all in one table; `/metrics` exposes them."""

from prometheus_client import Counter, Gauge, Histogram

_LATENCY = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.75, 1.0, 2.0, 5.0)
_STALL = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_PACING = (0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0, 10.0)

SESSIONS = Gauge("vdx_sessions", "Open sessions")
SESSIONS_ENDED = Counter("vdx_sessions_ended_total", "Ended sessions by reason", ["reason"])
TURNS = Counter("vdx_turns_total", "Turns of people that were answered")
REPLIES = Counter("vdx_replies_total", "Replies by how they ended", ["status"])
INTERRUPTIONS = Counter("vdx_interruptions_total", "Barge-ins by outcome", ["outcome"])
TURN_GAP = Histogram("vdx_turn_gap_seconds", "End of speech to first audio sent", buckets=_LATENCY)
STAGE = Histogram("vdx_stage_seconds", "Where the time of a turn goes", ["stage"], buckets=_LATENCY)
PACING_ERROR = Histogram(
    "vdx_pacing_error_seconds", "How late a frame was written to the socket", buckets=_PACING
)
UNDERRUNS = Counter("vdx_underruns_total", "Times the voice was slower than the listener")
ERRORS = Counter("vdx_errors_total", "Errors by service and code", ["service", "code"])
LOOP_STALL = Histogram(
    "vdx_event_loop_stall_seconds",
    "How late the event loop was, measured every 20 ms",
    buckets=_STALL,
)
LOOP_STALL_CPU = Histogram(
    "vdx_event_loop_stall_cpu_seconds",
    "Processor time of the event loop's own work in each such stall, at most",
    buckets=_STALL,
)
INPUT_GAPS = Counter("vdx_input_gaps_total", "Times input stopped in mid-utterance")
ROOMS = Gauge("vdx_rooms", "LiveKit rooms this worker is in")
ROOM_DRY = Counter("vdx_room_dry_total", "20 ms frames that a room's track had to wait for")
ROOM_INPUT_DROPPED = Counter(
    "vdx_room_input_dropped_total", "20 ms frames of people in rooms that nobody had time for"
)
