"""Times of the stages of a turn, counted from the end of the user's speech."""

from dataclasses import dataclass, field

from vdx.core.metrics import STAGE, TURN_GAP

STAGES = (
    "pause_noticed",
    "endpointer",
    "speculative_transcript",
    "endpoint",
    "final_transcript",
    "first_text",
    "first_voice",
    "first_audio",
)
"""In the usual order; text and voice come before the endpoint when the reply was preemptive."""
STAGE_LABELS = {
    "pause_noticed": "the pause is noticed",
    "endpointer": "the endpointer has judged it",
    "speculative_transcript": "transcript, speculative",
    "first_text": "first words of the reply",
    "first_voice": "first audio from the voice",
    "endpoint": "end of turn decided",
    "final_transcript": "transcript, final",
    "first_audio": "first audio sent",
}
"""Stage -> its name in tables and plots."""


@dataclass(slots=True)
class TurnTrace:
    """Marks of one turn on the session's clock, in seconds; the first mark of a stage counts."""

    speech_end: float = 0.0
    utterance: int | None = None
    marks: dict[str, float] = field(default_factory=dict)

    def begin(self, utterance: int, speech_end: float) -> None:
        """Starts a trace at a pause that began at `speech_end`; removes earlier marks."""
        self.speech_end = speech_end
        self.utterance = utterance
        self.marks.clear()

    def drop(self, utterance: int) -> None:
        """The utterance was no turn: an answer to something else is not timed from its end."""
        if self.utterance == utterance:
            self.speech_end, self.utterance = 0.0, None

    def mark(self, stage: str, now: float) -> None:
        self.marks.setdefault(stage, now)

    def restart_reply(self) -> None:
        """Removes the marks of a reply that a new one replaces."""
        for stage in ("first_text", "first_voice", "first_audio"):
            self.marks.pop(stage, None)

    def finish(self) -> tuple[float, dict[str, float]] | None:
        """Milliseconds to the first audio and to every stage; None if no speech came before it."""
        if not self.speech_end or "first_audio" not in self.marks:
            return None
        stages = {
            stage: round((self.marks[stage] - self.speech_end) * 1000, 1)
            for stage in STAGES
            if stage in self.marks
        }
        gap = self.marks["first_audio"] - self.speech_end
        TURN_GAP.observe(gap)
        for stage, ms in stages.items():
            STAGE.labels(stage).observe(max(0.0, ms / 1000))
        self.speech_end, self.utterance = 0.0, None
        return round(gap * 1000, 1), stages
