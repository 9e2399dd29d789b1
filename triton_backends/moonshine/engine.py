"""Moonshine as a recogniser: windows of sound, each decoded on top of what was heard before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from triton_backends.moonshine.model_folder import Model, open_model
from triton_backends.moonshine.utterance import MoonshineUtterance
from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.hot_word_prompts import HotWordPrompts
from triton_backends.shared.hot_words import Spelling
from triton_backends.shared.language_tags import primary_subtags, require_understood
from triton_backends.shared.network import Device
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.voicepack_engine import VoicepackEngine

LATIN_TOKENS, OTHER_TOKENS = 6.5, 13.0
"""The most tokens a second, as the authors advise: other scripts have more for the same sound."""
NOT_LATIN = frozenset({"ar", "ja", "ko", "uk", "zh"})


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a model's parameters say.

    `parallel` utterances are computed at once, each by one thread.
    """

    device: Device = field(default_factory=Device)
    languages: tuple[str, ...] = ()
    """Primary subtags; empty: any."""
    tokens_per_second: float = LATIN_TOKENS
    partial_ms: int = 480
    parallel: int = 1
    max_utterances: int = 64

    @classmethod
    def of(cls, parameters: Parameters, gpu: int | None = None) -> "EngineOptions":
        """`gpu` is the one that Triton placed the instance on, where it did."""
        device = Device.of(parameters, gpu)
        languages = primary_subtags(parameters.text("languages"))
        usual = OTHER_TOKENS if NOT_LATIN.intersection(languages) else LATIN_TOKENS
        return cls(
            device,
            languages,
            parameters.integer("max_tokens_per_second", 0, high=100) or usual,
            parameters.integer("partial_ms", 480, low=100, high=5000),
            parameters.integer("parallel", 0, high=64) or device.parallel,
            parameters.integer("max_utterances", 64, low=1, high=1024),
        )


class MoonshineEngine(VoicepackEngine[EngineOptions]):
    """Either generation of models; several threads call its utterances."""

    options_type = EngineOptions

    def __init__(
        self,
        folder: Path,
        options: EngineOptions | None = None,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        options = options or EngineOptions()
        self.model: Model = open_model(folder, options.device, options.tokens_per_second)
        self.languages = options.languages
        self.partial_samples = options.partial_ms * ASR_RATE // 1000
        self.workers = options.parallel
        self.max_utterances = options.max_utterances
        self._prompts = HotWordPrompts(Spelling(self.model.vocabulary), tell)

    def start(self, request: AsrRequest, /) -> MoonshineUtterance:
        require_understood(request.language, self.languages)
        return MoonshineUtterance(self, self._prompts.read(request.prompt))

    def close(self) -> None:
        """Nothing to free."""
