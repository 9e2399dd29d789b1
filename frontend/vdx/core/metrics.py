"""Prometheus metrics of the frontend, all in one table; `/metrics` exposes them."""

from prometheus_client import Counter, Gauge, Histogram, Info

_LATENCY = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.75, 1.0, 2.0, 5.0)
_STALL = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_PACING = (0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0, 10.0)
_RATIO = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5)
_SHARE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_LEVEL = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_LOADING = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0)

SESSIONS = Gauge("vdx_sessions", "Open sessions, over WebSockets and in rooms")
SESSIONS_ENDED = Counter("vdx_sessions_ended_total", "Sessions ended, by reason", ["reason"])
TURNS = Counter("vdx_turns_total", "User turns that got a reply")
REPLIES = Counter("vdx_replies_total", "Replies ended, by final status", ["status"])
INTERRUPTIONS = Counter("vdx_interruptions_total", "Barge-ins, by outcome", ["outcome"])
ENDPOINTER = Counter(
    "vdx_endpointer_questions_total", "Pauses put to an endpointer, by outcome", ["outcome"]
)
TURN_GAP = Histogram(
    "vdx_turn_gap_seconds",
    "Time from the end of the user's speech to the first reply audio sent",
    buckets=_LATENCY,
)
STAGE = Histogram(
    "vdx_stage_seconds",
    "Time from the end of the user's speech to each stage of the turn",
    ["stage"],
    buckets=_LATENCY,
)
PACING_ERROR = Histogram(
    "vdx_pacing_error_seconds",
    "Delay of each 20 ms output frame behind the time it was due to be sent",
    buckets=_PACING,
)
UNDERRUNS = Counter(
    "vdx_reply_underruns_total",
    "Times that playout of a reply ran out of audio because synthesis was late",
)
SUMMARIES = Counter(
    "vdx_summaries_total",
    "Summaries of a conversation's oldest turns: made, failed, too long, outdated",
    ["outcome"],
)
CHAT_ENDPOINTS = Counter(
    "vdx_chat_endpoints_total",
    "Questions to each endpoint of a responder with fallbacks: answered, failed",
    ["endpoint", "outcome"],
)
ERRORS = Counter("vdx_errors_total", "Errors, by failing service and code", ["service", "code"])
LOOP_STALL = Histogram(
    "vdx_event_loop_stall_seconds",
    "Delay of the event loop behind a timer of 20 ms",
    buckets=_STALL,
)
LOOP_STALL_CPU = Histogram(
    "vdx_event_loop_stall_cpu_seconds",
    "Upper bound of the CPU time that the event loop's thread used during each such delay",
    buckets=_STALL,
)
INPUT_GAPS = Counter(
    "vdx_input_gaps_total", "Times that input audio stopped arriving during an utterance"
)
ROOMS = Gauge("vdx_rooms", "LiveKit rooms that this worker serves")
ROOM_OUTPUT_UNDERRUNS = Counter(
    "vdx_room_output_underruns_total",
    "20 ms frames sent to a room after its output queue had run empty",
)
ROOM_INPUT_DROPPED = Counter(
    "vdx_room_input_dropped_frames_total",
    "20 ms input frames of room participants discarded because the input queue was full",
)
MODEL_RESIDENT = Gauge(
    "vdx_model_resident",
    "1 for a model that is loaded, 0 for one that was",
    ["model", "server"],
)
MODEL_LEASES = Gauge("vdx_model_leases", "Sessions that lease a model", ["model", "server"])
MODEL_MEMORY = Gauge(
    "vdx_model_memory_bytes",
    "Memory of a model's processes after its first load",
    ["model", "server"],
)
MODEL_LOAD_SECONDS = Histogram(
    "vdx_model_load_seconds",
    "Time to load a model and to warm it up, without the wait for its turn",
    ["model"],
    buckets=_LOADING,
)
MODEL_UNLOAD_SECONDS = Histogram(
    "vdx_model_unload_seconds",
    "Time to finish the requests in flight of a model and to unload it",
    ["model"],
    buckets=_LOADING,
)
MODEL_LOADS_WAITING = Gauge("vdx_model_loads_waiting", "Loads that wait for their turn")
MODEL_LOADS_REFUSED = Counter(
    "vdx_model_loads_refused_total", "Loads refused because every model was in use", ["model"]
)
MODEL_EVICTIONS = Counter(
    "vdx_model_evictions_total",
    "Models unloaded by the manager: idle (ttl), for another (room), when free (asked)",
    ["model", "cause"],
)
ROUTING_SECONDS = Counter(
    "vdx_routing_seconds_total",
    "Processor time of the event loop for routes and for leases of sessions",
    ["what"],
)
ROUTES = Counter(
    "vdx_routes_total",
    "Choices among servers: where it was (stays), elsewhere (moves), a fallback, none that can",
    ["kind", "outcome"],
)
FAILOVERS = Counter(
    "vdx_failovers_total",
    "Failed clauses and utterances, by what they went on with: elsewhere, restored, fallback, none",
    ["kind", "outcome"],
)
MODEL_UPDATES = Counter(
    "vdx_model_updates_total",
    "Updates of models that are over: promoted or rolled back",
    ["model", "outcome"],
)
VOICE_FIRST_AUDIO = Histogram(
    "vdx_voice_first_audio_seconds",
    "Time from a clause's request to its first audio",
    ["voice"],
    buckets=_LATENCY,
)
VOICE_REAL_TIME_FACTOR = Histogram(
    "vdx_voice_real_time_factor",
    "Time that was waited for a clause's audio, divided by its duration",
    ["voice"],
    buckets=_RATIO,
)
MODEL_REQUESTS = Gauge(
    "vdx_model_requests",
    "Clauses, utterances and questions of this process that a model works on or has queued",
    ["model"],
)
TRANSCRIPTION = Histogram(
    "vdx_transcription_seconds",
    "Time from the end of an utterance's audio to its final transcript",
    ["model"],
    buckets=_LATENCY,
)
TRANSCRIPTION_REAL_TIME_FACTOR = Histogram(
    "vdx_transcription_real_time_factor",
    "The same, divided by the duration of the utterance",
    ["model"],
    buckets=_RATIO,
)
CONFIDENCE = Histogram(
    "vdx_transcription_confidence",
    "Confidence of final transcripts that have words",
    ["model"],
    buckets=_SHARE,
)
TIMEOUTS = Counter(
    "vdx_model_timeouts_total", "Answers that did not come within the configured time", ["model"]
)
VAD_FRAMES = Counter(
    "vdx_vad_frames_total",
    "20 ms frames of input, by what they were taken for: speech, gated, other",
    ["kind"],
)
VAD_EVENTS = Counter(
    "vdx_vad_events_total", "Speech that started, paused, resumed and ended", ["event"]
)
NOISE_LEVEL = Histogram(
    "vdx_vad_noise_floor_rms",
    "Level of the background noise at the end of each utterance, int16 RMS",
    buckets=_LEVEL,
)
HTTP_REQUESTS = Counter(
    "vdx_http_requests_total",
    "HTTP requests and refused WebSockets, by route and status",
    ["method", "route", "status"],
)
KEYS_REFUSED = Counter(
    "vdx_keys_refused_total", "Requests without a valid key, or with one that may not", ["code"]
)
BUILD = Info("vdx_build", "Version of this process")

MOST_MODELS = 64
"""Different models in labels of one process; a client can name any that exists."""
_NAMED: set[str] = set()


def model_label(model: str) -> str:
    """The name of a model or voice as a label: `other` beyond the first MOST_MODELS."""
    if model not in _NAMED:
        if len(_NAMED) >= MOST_MODELS:
            return "other"
        _NAMED.add(model)
    return model
