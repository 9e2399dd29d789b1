"""Settings of the language model on this machine: `responder.local`."""

from pathlib import Path

from pydantic import Field

from vdx.core.config.section import Section

STARTER_LANGUAGE_MODEL = "SmolLM2-135M-Instruct"
STARTER_REPLY_TOKENS = 64
"""It does not find an end by itself."""
STARTER_INSTRUCTIONS = "You are a helpful AI assistant. Answer in one short sentence."
"""Instead of a profile's usual ones, which say more than so small a model understands."""
REPLY_TOKENS = 256
"""Of a larger language model, which ends a spoken answer by itself long before."""
LOCAL_FIRST_CLAUSE_CHARS = 32
"""Unless `clauses.first_max_chars` is set: a core makes about twelve words a second, and the voice
waits for the first clause."""
MOST_LOCAL_THREADS = 4
"""More make a small model no faster, and the voice and the recogniser need cores too."""


class LocalConfig(Section):
    """A language model that llama.cpp serves on this machine, in a process of its own."""

    path: Path | None = Field(
        None, description=f"a GGUF file; None = the starter, {STARTER_LANGUAGE_MODEL}"
    )
    threads: int | None = Field(
        None, ge=1, description=f"None = half of the cores, at most {MOST_LOCAL_THREADS}"
    )
    context_tokens: int = Field(2048, ge=256, description="prompt and reply; for each in parallel")
    parallel: int = Field(1, ge=1, le=64, description="replies made at once; others wait")
    prompt_cache_mib: int = Field(
        64, ge=0, description="the most that prompts of other conversations may take"
    )
    max_tokens: int | None = Field(
        None,
        ge=1,
        description=f"of a reply; None = {STARTER_REPLY_TOKENS} for the starter, else "
        f"{REPLY_TOKENS}",
    )
    first_token_timeout_ms: int = Field(
        15_000, ge=10, description="a large model on few cores needs more for a long prompt"
    )
    next_token_timeout_ms: int = Field(5_000, ge=10)
    temperature: float = Field(0.2, ge=0, le=2)
    top_p: float = Field(0.9, gt=0, le=1)
    repeat_penalty: float = Field(1.1, ge=1, le=2, description="small models repeat themselves")
    penalty_tokens: int = Field(64, ge=0, description="how far back a repetition counts")
    batch_tokens: int = Field(
        32, ge=1, description="of a prompt, evaluated at once; a barge-in waits for the end of it"
    )
    socket: Path | None = Field(
        None, description="of a llama.cpp server that runs already; None starts one"
    )
    model: str = Field("", description="what it is called; empty = as its file, or the starter")

    @property
    def is_starter(self) -> bool:
        """Whether it is the starter: what runs at `socket` is that only where it is called so."""
        if self.socket is not None:
            return self.name == STARTER_LANGUAGE_MODEL
        return self.path is None

    @property
    def name(self) -> str:
        """What the model is called in requests, messages and errors."""
        if self.model:
            return self.model
        if self.path is not None:
            return self.path.stem
        return STARTER_LANGUAGE_MODEL if self.socket is None else "unnamed"

    @property
    def reply_tokens(self) -> int:
        """The most of a reply."""
        usual = STARTER_REPLY_TOKENS if self.is_starter else REPLY_TOKENS
        return self.max_tokens or usual
