from collections.abc import Sequence
from pathlib import Path

import pytest

from vdx.core.config import RepeatConfig, ResponderConfig, ScriptConfig
from vdx.core.errors import ConfigError, ResponderError
from vdx.core.events import Message
from vdx.speech.text.responder import FixedText, Responder, make_responder
from vdx.speech.text.responder.script import load_script


def said(*texts: str) -> list[Message]:
    """A conversation in which the person said these, each answered."""
    messages = [Message("system", "Be brief.")]
    for text in texts:
        messages += [Message("user", text), Message("assistant", "Mm.")]
    return messages[:-1]


async def answer(responder: Responder, messages: Sequence[Message]) -> str:
    try:
        return "".join([piece async for piece in responder.reply(messages)])
    finally:
        await responder.aclose()


def scripted(folder: Path, text: str) -> Responder:
    path = folder / "script.yaml"
    path.write_text(text, encoding="utf-8")
    return make_responder(ResponderConfig(kind="script", script=ScriptConfig(path=path)))


async def test_echo_says_the_last_thing_heard() -> None:
    repeating = make_responder(ResponderConfig())
    assert await answer(repeating, said("first", " go {forward} ")) == "You said: go {forward}"


async def test_echo_of_nothing_is_silent() -> None:
    repeating = make_responder(ResponderConfig(repeat=RepeatConfig(template="Hm: {text}!")))
    assert await answer(repeating, [Message("assistant", "Hello")]) == ""
    assert await answer(repeating, said("hi")) == "Hm: hi!"


@pytest.mark.parametrize("template", ["{name} said {text}", "{}", "{text", "{0}", "{text.x}"])
def test_echo_refuses_templates_it_cannot_fill(template: str) -> None:
    with pytest.raises(ConfigError, match=r"responder\.repeat\.template"):
        make_responder(ResponderConfig(repeat=RepeatConfig(template=template)))


async def test_fixed_text() -> None:
    assert await answer(FixedText("Hello there."), []) == "Hello there."


async def test_script_answers_in_order_and_begins_again(tmp_path: Path) -> None:
    script = scripted(tmp_path, "- One.\n- Two.\n")
    assert await answer(script, said("a")) == "One."
    assert await answer(script, said("a", "b")) == "Two."
    assert await answer(script, said("a", "b", "c")) == "One."
    assert await answer(script, [Message("system", "x")]) == ""


async def test_script_patterns_come_first(tmp_path: Path) -> None:
    script = scripted(
        tmp_path,
        'patterns:\n  - match: "my name is (\\\\w+)"\n    answer: "Hello \\\\1."\n'
        "  - {match: time, answer: Late.}\nanswers: [Go on.]\n",
    )
    assert await answer(script, said("Well, MY name is Ada!")) == "Hello Ada."
    assert await answer(script, said("what time is it")) == "Late."
    assert await answer(script, said("what else")) == "Go on."


async def test_script_without_an_answer_fails(tmp_path: Path) -> None:
    script = scripted(tmp_path, "patterns: [{match: time, answer: Late.}]")
    with pytest.raises(ResponderError, match="'hello'") as caught:
        await answer(script, said("hello"))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("answers: []", "neither answers nor patterns"),
        ("answers:\n- ok\n- [1]", r"script\.yaml:3: 'answers' must hold text"),
        ("answers:\n- ' '", r":2: 'answers' must hold text"),
        ("answers: hello", r":1: 'answers' must be a list"),
        ("hello", r":1: the script must be a mapping"),
        ("anwsers:\n- a", r":1: unknown key 'anwsers'; known are patterns, answers"),
        ("answers: [a]\nanswers: [b]", r":2: 'answers' appears twice"),
        ("patterns:\n- match: a", r":2: a pattern needs 'answer'"),
        ("patterns:\n- just text", r":2: a pattern must be a mapping"),
        ("patterns:\n- match: '('\n  answer: b", r":2: match '\(': "),
        ("patterns:\n- match: a\n  answer: '\\2'", r":3: answer .*group"),
        ("patterns:\n- match: a\n  answer: b\n  when: c", r":4: unknown key 'when'"),
        ("answers: [a", "not YAML"),
        ("answers: [!!python/object:x.Y {}]", r"'answers' must hold text"),
    ],
)
def test_script_errors_name_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        scripted(tmp_path, text)


def test_script_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_script(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"responder\.script\.path"):
        make_responder(ResponderConfig(kind="script"))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError, match="not YAML"):
        load_script(binary)
