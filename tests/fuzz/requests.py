"""Random requests to every operation of the HTTP API, made up from its OpenAPI document.

schemathesis builds them, half of them against the document, and judges the answers by it: status,
content type and shape. What it cannot know is put in here: recordings, whole and damaged, and names
that exist, so that requests get past the first check.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from tests.fuzz.findings import ANSWER_S, Findings, require_libraries
from vdx.bench.client_process import Step
from vdx.bench.clips import recording
from vdx.bench.figures import Report
from vdx.bench.target import Target

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from requests import Session

AUDIO = {"POST /v1/audio/speech": 4, "POST /v1/audio/transcriptions": 4}
"""Operations that are asked more often than the others, and how much."""
MODELS = ("tts-1", "whisper-1", "vdx", "tone", "canned", "espeak-en", "pocketsphinx-en")
VOICES = ("alloy", "tone", "espeak-en", "espeak-en/nobody")


async def measure(target: Target, count: int, seed: int, step: Step | None = None) -> Report:
    """`count` requests over all operations; the same seed sends the same ones."""
    require_libraries()
    before = await target.status()
    findings = await asyncio.to_thread(_run, target, count, seed, step)
    after = await target.status()
    if any(after[key] != before[key] for key in ("pid", "triton_pid")):
        findings.found("crash", f"processes before {before}, after {after}")
    return findings.report({"count": count, "seed": seed})


def _run(target: Target, count: int, seed: int, step: Step | None) -> Findings:
    import requests
    import schemathesis

    findings = Findings("requests")
    schema = schemathesis.openapi.from_url(f"{target.url}/openapi.json")
    found: list[Any] = list(schema.get_all_operations())
    operations = [result.ok() for result in found]
    shares = [AUDIO.get(operation.label, 1) for operation in operations]
    with requests.Session() as session:
        if target.api_key:
            session.headers["Authorization"] = f"Bearer {target.api_key}"
        for number, operation in enumerate(operations):
            done = sum(shares[: number + 1]) * count // sum(shares)
            _ask(operation, done - findings.sent, target, session, findings, seed, step)
    return findings


def _ask(
    operation: Any,
    count: int,
    target: Target,
    session: "Session",
    findings: Findings,
    seed: int,
    step: Step | None,
) -> None:
    """`count` requests of one operation; simple ones have fewer, which are then repeated."""
    import hypothesis

    until = findings.sent + count

    @hypothesis.settings(
        max_examples=count,
        phases=[hypothesis.Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(_cases(operation))
    def one(case: Any) -> None:
        if findings.sent < until:
            _send(case, target, session, findings)
            if step is not None:
                step()

    while findings.sent < until:
        hypothesis.seed(seed + findings.sent)(one)()


def _cases(operation: Any) -> "SearchStrategy[Any]":
    from hypothesis import strategies as st
    from schemathesis import GenerationMode

    as_told = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    names = st.tuples(st.sampled_from(MODELS), st.sampled_from(VOICES))
    real = st.builds(_real, as_told, names, _recordings())
    parts = [as_told, real] if operation.body else [as_told]
    if operation.body or operation.query:
        parts.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    return st.one_of(parts)


def _recordings() -> "SearchStrategy[bytes]":
    """A recording, often with bytes changed or cut off, or something else."""
    from hypothesis import strategies as st

    whole = recording("ps_goforward").read_bytes()[:40_000]

    def damaged(at: int, bytes_: bytes, keep: int) -> bytes:
        return (whole[:at] + bytes_ + whole[at + len(bytes_) :])[:keep]

    spoilt = st.builds(
        damaged, st.integers(0, 60), st.binary(max_size=8), st.integers(0, len(whole))
    )
    return st.just(whole) | spoilt | st.binary(max_size=200)


def _real(case: Any, names: tuple[str, str], recording: bytes) -> Any:
    """The case with names that exist and, where one is wanted, a recording."""
    if isinstance(case.body, dict):
        case.body = {**case.body, "model": names[0]}
        if "file" in case.body:
            case.body["file"] = recording
        elif "input" in case.body:
            case.body["voice"] = names[1]
    return case


def _send(case: Any, target: Target, session: "Session", findings: Findings) -> None:
    import requests
    from schemathesis.errors import SerializationError, SerializationNotPossible

    findings.sent += 1
    try:
        response = case.call(base_url=target.url, session=session, timeout=ANSWER_S)
    except requests.Timeout:
        findings.found("hang", f"no answer for {ANSWER_S:.0f} s", case)
    except requests.ConnectionError as error:
        findings.found("connection broken", repr(error), case)
    except (requests.RequestException, SerializationError, SerializationNotPossible, ValueError):
        findings.answers["not sendable"] += 1  # no client can put it into HTTP
    else:
        findings.answers[str(response.status_code)] += 1
        _judge(case, response, findings)


def _judge(case: Any, response: Any, findings: Findings) -> None:
    """By the document; a failing model is an answer, a failing server is not."""
    from schemathesis.errors import FailureGroup
    from schemathesis.specs.openapi import checks as by_document

    if response.status_code == 500:
        findings.found("server error", response.text, case)
    wanted = [
        by_document.status_code_conformance,
        by_document.content_type_conformance,
        by_document.response_schema_conformance,
    ]
    try:
        case.validate_response(response, checks=wanted)
    except FailureGroup as group:
        for failure in group.exceptions:
            findings.found(type(failure).__name__, str(failure), case)
