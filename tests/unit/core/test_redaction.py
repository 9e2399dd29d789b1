"""Personal data and credentials do not reach the log."""

import pytest

from vdx.core.redaction import redacted


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to jane.doe+x@mail.example.co.uk now", "write to <email> now"),
        ("call +49 30 901820 or (030) 90 18 20 00", "call <phone number> or <phone number>"),
        ("call 555-123-4567", "call <phone number>"),
        ("dial 03090182000", "dial <phone number>"),
        ("room call-_+15105550100_Wj9x", "room call-_<phone number>_Wj9x"),
        ("sip_+15105550100 left", "sip_<phone number> left"),
        ("card 4111 1111 1111 1111.", "card <card number>."),
        ("card 4111111111111111", "card <card number>"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: <key>"),
        ("sk-proj-abcdefghijklmnopqrstuvwxyz", "<key>"),
        ("vdx_Zm9vYmFyYmF6cXV4cXV1eA", "<key>"),
        ("api_key=topsecretvalue&x=1", "<key>&x=1"),
        ("access_token=topsecretvalue&x=1", "access_<key>&x=1"),
        ("OPENAI_API_KEY=topsecretvalue", "OPENAI_<key>"),
        ("client_secret: 'topsecretvalue'", "client_<key>'"),
        ("ek_Zm9vYmFyYmF6cXV4cXV1eA", "<key>"),
        ("gho_abcdefghijklmnop1234567", "<key>"),
        ("tel:+4930901820 or number:0301234567", "tel:<phone number> or number:<phone number>"),
        ("cannot open '/srv/calls/2026/jane.wav'", "cannot open '<audio file>'"),
        ("cannot open ./jane.MP3: gone", "cannot open <audio file>: gone"),
        ("https://user:word@example.com/x", "https://***@example.com/x"),
    ],
)
def test_it_is_replaced_by_its_kind(text: str, left: str) -> None:
    assert redacted(text) == left


@pytest.mark.parametrize("piece", ["a/", "sk-", "1 ", "a@", "eyJ-"])
def test_a_long_text_is_read_without_beginning_anew_at_each_place(piece: str) -> None:
    text = piece * 10_000  # took minutes
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "session 4f1a2b3c4d5e",
        "Triton at 192.168.100.200:8001",
        "192.168.100.200",
        "2026-11-30T14:54:50.123456Z",
        "took 1234567890 bytes of 9876543210",
        "model en_US-lessac-medium at /srv/vdx/models/en_US-lessac-medium.onnx",
        "17 of 1000 frames in 12 345 ms",
        "127.0.0.1 port 8080",
        "vdx_model_load_seconds and vdx_room_input_dropped_frames_total",
        "hf-internal-testing/tiny-random",
        "skipped_because_of_silence",
        "took 0.123456789 s, 12.345678901 at most",
        "10:11:12.123456789",
        "fe80::1234 at ::1 port 80",
    ],
)
def test_what_a_log_is_for_stays(text: str) -> None:
    assert redacted(text) == text
