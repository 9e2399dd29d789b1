"""Passwords in URLs, hidden wherever a URL is shown."""

import re

_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


def masked(text: str) -> str:
    """`text` with the user and password of every URL in it replaced by `***`."""
    return _USERINFO.sub("***@", text) if "://" in text else text
