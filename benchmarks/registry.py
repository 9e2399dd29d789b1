"""Every study: its line of help, and how `make bench` runs it; fuzzing is listed with them.

To add one, write its function in `benchmarks.commands` and add a line to `STUDIES`.
"""

from vdx.bench.registry import Bench, Run

STUDIES: dict[str, Bench] = {
    "vad": Bench(
        "Listening in hard conditions: noise, echo, pauses.",
        (Run(quick="--quick"),),
        ("benchmarks", "vad"),
    ),
    "page": Bench(
        "Load to talking, in a real browser.",
        (Run("--rounds 10", quick="--rounds 1"),),
        ("benchmarks", "page"),
    ),
    "fuzz": Bench(
        "Hostile events, requests and tensors: no crash, no hang.",
        (
            Run("events --count 100000", quick="events --count 500"),
            Run("requests --count 10000", quick="requests --count 150"),
            Run("tensors --count 10000", quick="tensors --count 200"),
        ),
        ("tests.fuzz",),
    ),
    "grammar": Bench(
        "Load time of a recogniser of few sentences.",
        (Run("--rounds 5", quick="--rounds 1"),),
        ("benchmarks", "grammar"),
    ),
    "piper": Bench(
        "A Piper voice of the real size, beside piper-tts.",
        (Run("--rounds 30", quick="--rounds 2 --graph tiny"),),
        ("benchmarks", "piper"),
    ),
    "piper-peers": Bench(
        "First sound over HTTP, beside piper-tts and streaming-vits.",
        (),
        ("benchmarks", "piper-peers"),
    ),
    "kokoro": Bench(
        "Kokoro int8: first sound and real-time factor.",
        (Run("--rounds 10", quick="--rounds 1 --tiny"),),
        ("benchmarks", "kokoro"),
    ),
    "cosyvoice2": Bench(
        "CosyVoice 2: what streams compute against one decode.",
        (),
        ("benchmarks", "cosyvoice2"),
    ),
    "smart-turn": Bench(
        "A question to the endpointer, beside its bare graph.",
        (Run("--rounds 100", quick="--rounds 8"),),
        ("benchmarks", "smart-turn"),
    ),
    "transducer": Bench(
        "Streaming transducers of the real size.",
        (Run("--rounds 5", quick="--rounds 1"),),
        ("benchmarks", "transducer"),
    ),
    "transducer-talk": Bench(
        "Streaming transducers of the real size, in conversations.",
        (Run("--rounds 5", quick="--rounds 1"),),
        ("benchmarks", "transducer-talk"),
    ),
    "whisper": Bench(
        "Whisper: end of speech to the final transcript.",
        (Run(quick="--sizes tiny --rounds 1"),),
        ("benchmarks", "whisper"),
    ),
    "whisper-file": Bench(
        "Whisper: a long recording, beside faster-whisper.",
        (Run(quick="--minutes 1"),),
        ("benchmarks", "whisper-file"),
    ),
    "whisper-words": Bench(
        "Whisper: word errors, streamed live and on whole files.",
        (Run(),),
        ("benchmarks", "whisper-words"),
    ),
}
