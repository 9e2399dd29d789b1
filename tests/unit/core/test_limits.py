"""The limits that docs/security.md promises, as they are without any configuration."""

from vdx.core.config import ServerConfig, SessionConfig
from vdx.transports.http.protocol import MAX_HEADER_BYTES
from vdx.transports.realtime.incoming import MAX_TEXT_BYTES


def test_how_long_a_stranger_may_take_for_a_request() -> None:
    assert ServerConfig().request_timeout_ms == 10_000
    assert ServerConfig().write_timeout_ms == 10_000
    assert MAX_HEADER_BYTES == 65_536


def test_how_much_a_conversation_may_hold() -> None:
    assert SessionConfig().max_item_text_bytes == 256 * 1024
    assert SessionConfig().max_history_bytes == 1024 * 1024


def test_only_messages_with_audio_may_be_longer_than_a_megabyte() -> None:
    """That the audio makes the difference is tested in tests/unit/transports/test_incoming.py."""
    assert MAX_TEXT_BYTES == 1024 * 1024
    assert ServerConfig().max_message_bytes == 16 * 1024 * 1024
