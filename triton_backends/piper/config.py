"""A voice's `.onnx.json`: untrusted input, checked before anything is built from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import read_json

MAX_CONFIG_BYTES = 4 * 1024 * 1024
PHONEME_TYPES = ("espeak", "text", "pinyin", "hebrew", "japanese", "thai")
BOS, EOS, PAD = "^", "$", "_"


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """What the network was trained with; rates in Hz, the scales as Piper names them."""

    sample_rate: int
    phoneme_type: str
    espeak_voice: str
    language: str
    phoneme_ids: Mapping[str, tuple[int, ...]]
    num_symbols: int
    num_speakers: int = 1
    speakers: Mapping[str, int] = field(default_factory=dict)
    default_speaker: int = 0
    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8
    vowel_clusters: frozenset[tuple[str, ...]] = frozenset()


def read_config(path: Path) -> VoiceConfig:
    """Reads and checks; raises InvalidArgument naming the file and the value."""
    return _Reader(path.name, read_json(path.parent, path.name, MAX_CONFIG_BYTES)).config()


class _Reader:
    """Typed look-ups in the parsed JSON; every refusal names the file, the key and the value."""

    def __init__(self, name: str, raw: Any) -> None:
        self._name = name
        self._raw = self._table(raw, "the file")

    def config(self) -> VoiceConfig:
        raw = self._raw
        audio = self._table(raw.get("audio"), "audio")
        espeak = self._table(raw.get("espeak", {}), "espeak")
        scales = self._table(raw.get("inference", {}), "inference")
        language = self._table(raw.get("language", {}), "language")
        kind = raw.get("phoneme_type", "espeak")
        if kind not in PHONEME_TYPES:
            raise self._bad("phoneme_type", kind)
        speakers = max(self._whole(raw, "num_speakers", 1, high=100_000), 1)
        symbols = self._whole(raw, "num_symbols", 256, low=1, high=1_000_000)
        voice = self._text(espeak, "voice", "en-us" if kind == "espeak" else "")
        return VoiceConfig(
            sample_rate=self._whole(audio, "sample_rate", None, low=8_000, high=48_000),
            phoneme_type=kind,
            espeak_voice=voice,
            language=self._text(language, "code", voice).replace("_", "-"),
            phoneme_ids=self._phoneme_ids(symbols),
            num_symbols=symbols,
            num_speakers=speakers,
            speakers=self._speakers(speakers),
            default_speaker=self._whole(raw, "default_speaker_id", 0, high=speakers - 1),
            noise_scale=self._real(scales, "noise_scale", 0.667, 0.0),
            length_scale=self._real(scales, "length_scale", 1.0, 0.05),
            noise_w=self._real(scales, "noise_w", 0.8, 0.0),
            vowel_clusters=self._clusters(),
        )

    def _phoneme_ids(self, symbols: int) -> dict[str, tuple[int, ...]]:
        table = self._table(self._raw.get("phoneme_id_map"), "phoneme_id_map")
        found: dict[str, tuple[int, ...]] = {}
        for phoneme, ids in table.items():
            if not isinstance(ids, list) or not all(_is_id(each, symbols) for each in ids):
                raise self._bad(f"phoneme_id_map[{phoneme!r}]", ids)
            found[phoneme] = tuple(ids)
        for needed in (BOS, EOS, PAD):
            if needed not in found:
                raise self._bad("phoneme_id_map", f"no {needed!r}")
        return found

    def _speakers(self, count: int) -> dict[str, int]:
        table = self._table(self._raw.get("speaker_id_map") or {}, "speaker_id_map")
        for name, number in table.items():
            if not _is_id(number, count):
                raise self._bad(f"speaker_id_map[{name!r}]", number)
        return dict(table)

    def _clusters(self) -> frozenset[tuple[str, ...]]:
        raw = self._raw.get("vowel_clusters") or []
        if not isinstance(raw, list) or not all(
            isinstance(each, list) and all(isinstance(part, str) for part in each) for each in raw
        ):
            raise self._bad("vowel_clusters", raw)
        return frozenset(tuple(each) for each in raw if each)

    def _table(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._bad(key, value)
        return value

    def _text(self, table: dict[str, Any], key: str, default: str) -> str:
        value = table.get(key, default)
        if not isinstance(value, str) or len(value) > 100:
            raise self._bad(key, value)
        return value

    def _whole(
        self, table: dict[str, Any], key: str, default: int | None, *, low: int = 0, high: int
    ) -> int:
        value = table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._bad(key, value)
        return value

    def _real(self, table: dict[str, Any], key: str, default: float, low: float) -> float:
        value = table.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= 10:
            raise self._bad(key, value)
        return float(value)

    def _bad(self, key: str, value: object) -> InvalidArgument:
        return InvalidArgument(f"{self._name}: {key} is {str(value)[:80]!r}")


def _is_id(value: Any, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < limit
