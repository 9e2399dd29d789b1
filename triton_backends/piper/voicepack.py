"""From the parameters of a model to an engine that speaks with its voicepack."""

from pathlib import Path

from triton_backends.piper.arabic import find_vocaliser
from triton_backends.piper.config import MAX_CONFIG_BYTES, VoiceConfig, read_config
from triton_backends.piper.cut import CutVoice, cut
from triton_backends.piper.engine import FIRST_MS, LARGEST_MS, PiperEngine, PiperOptions
from triton_backends.piper.espeak import EspeakPhonemes
from triton_backends.piper.networks import MAX_THREADS, InlineNetworks
from triton_backends.piper.phonemes import LetterPhonemizer, Phonemizer
from triton_backends.piper.pinyin import PinyinPhonemizer
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import regular_file, voicepack_path
from triton_backends.shared.onnx_file import MAX_MODEL_BYTES, read_model
from triton_backends.shared.parameters import Parameters

INPUTS = ("input", "input_lengths", "scales")
SPEAKER_INPUT = "sid"
"""Of voices with several speakers."""


def find_network(folder: Path) -> Path:
    """The one `.onnx` of a voicepack; raises InvalidArgument, also for one outside the folder."""
    if not folder.is_dir():
        raise InvalidArgument(f"voicepack {str(folder)!r} is no folder")
    found = sorted(folder.glob("*.onnx"))
    if len(found) != 1:
        raise InvalidArgument(f"voicepack {folder.name!r} holds {len(found)} .onnx files, not one")
    network = found[0]
    regular_file(folder, network.name, MAX_MODEL_BYTES)
    regular_file(folder, f"{network.name}.json", MAX_CONFIG_BYTES)
    return network


def load_engine(parameters: Parameters, model_folder: Path) -> PiperEngine:
    """Reads, checks, cuts and starts a voice; raises InvalidArgument naming what is wrong."""
    return load_voice(parameters, model_folder)[0]


def load_voice(parameters: Parameters, model_folder: Path) -> tuple[PiperEngine, CutVoice]:
    """The same, and the cut networks, so that they can be run elsewhere."""
    place = voicepack_path(parameters, model_folder)
    threads = parameters.integer("threads", 0, high=MAX_THREADS)
    options = PiperOptions(
        first_ms=parameters.integer("first_ms", FIRST_MS, low=20, high=10_000),
        largest_ms=parameters.integer("largest_ms", LARGEST_MS, low=20, high=60_000),
        max_streams=parameters.integer("max_streams", 32, low=1, high=1024),
    )
    network = find_network(place)
    config = read_config(Path(f"{network}.json"))
    phonemizer = make_phonemizer(config, network.name)
    voice = _cut(network, config)
    contexts = (voice.flow_context, voice.decoder_context)
    networks = InlineNetworks(voice, threads)
    return PiperEngine(config, phonemizer, networks, contexts, options), voice


def make_phonemizer(config: VoiceConfig, name: str) -> Phonemizer:
    """The one a voice was trained with; raises InvalidArgument if vdx has none such."""
    if config.phoneme_type == "text":
        return LetterPhonemizer(config, None)
    if config.phoneme_type == "pinyin":
        return PinyinPhonemizer(config)
    if config.phoneme_type != "espeak":
        kind = config.phoneme_type
        raise InvalidArgument(f"{name}.json: vdx has no phonemizer for phoneme_type {kind!r}")
    espeak = EspeakPhonemes()
    if not espeak.has_voice(config.espeak_voice):
        raise InvalidArgument(f"{name}.json: espeak-ng has no {config.espeak_voice!r}")
    return LetterPhonemizer(config, espeak, find_vocaliser(config.espeak_voice))


def _check_inputs(name: str, given: list[str], config: VoiceConfig) -> None:
    wanted = [*INPUTS, SPEAKER_INPUT] if config.num_speakers > 1 else [*INPUTS]
    if missing := [each for each in wanted if each not in given]:
        raise InvalidArgument(f"{name} is no Piper voice: it has no input {missing[0]!r}")
    if surplus := [each for each in given if each not in wanted]:
        raise InvalidArgument(
            f"{name} is no Piper voice of {config.num_speakers}: it wants an input {surplus[0]!r}"
        )


def _cut(network: Path, config: VoiceConfig) -> CutVoice:
    model = read_model(network)
    _check_inputs(network.name, [value.name for value in model.graph.input], config)
    try:
        return cut(network.name, model)
    except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError) as error:
        # What a damaged graph lacks is only noticed where it is used.
        raise InvalidArgument(f"{network.name} is no Piper voice: {error!r}") from None
