"""Types of settings with further checks; no error message holds a secret."""

import ipaddress
import types
from typing import Annotated, Any, Final, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, SecretStr

LEAST_KEY_CHARS: Final = 16
"""`openssl rand -hex 16` gives 32; a shorter key can be guessed over the network."""
MOST_KEY_CHARS: Final = 1024
"""A key must fit into a request's headers."""


def _usable_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not text.strip():
        raise ValueError("is empty; is the variable set that it comes from?")
    # A header cannot carry anything else unharmed.
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces")
    if not LEAST_KEY_CHARS <= len(text) <= MOST_KEY_CHARS:
        raise ValueError(
            f"needs {LEAST_KEY_CHARS} to {MOST_KEY_CHARS} characters; "
            "`openssl rand -hex 16` makes one"
        )
    return key


def _not_blank(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text != text.strip() or any(not each.isprintable() for each in text):
        raise ValueError("is blank, or begins or ends with white space")
    return secret


def _origin(text: str) -> str:
    if text == "*" or _is_origin(text):
        return text
    raise ValueError("must be an origin, http(s)://HOST or http(s)://HOST:PORT, or '*'")


def _public_url(text: str) -> str:
    plain = text.removesuffix("/").lower()
    if text and not _is_origin(plain):
        raise ValueError("must be http(s)://HOST or http(s)://HOST:PORT, without a path")
    return plain


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and text == f"{parts.scheme}://{parts.netloc}"
    )


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("must be an IP address or a network such as 10.0.0.0/8") from None
    return text


ApiKey = Annotated[SecretStr, AfterValidator(_usable_key)]
Secret = Annotated[SecretStr, AfterValidator(_not_blank)]
Origin = Annotated[str, AfterValidator(_origin)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Network = Annotated[str, AfterValidator(_network)]


def split_list(annotation: Any, value: object) -> object:
    """The parts of a text between commas, for a setting that is a list; else `value` itself."""
    if get_origin(annotation) is not tuple or not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",")]


def holds_secret(annotation: Any) -> bool:
    """Whether a setting of this type is a secret, or has one in it."""
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(holds_secret(field.annotation) for field in annotation.model_fields.values())
    is_composed = get_origin(annotation) in {tuple, list, dict, Annotated, Union, types.UnionType}
    return is_composed and any(holds_secret(part) for part in get_args(annotation))
