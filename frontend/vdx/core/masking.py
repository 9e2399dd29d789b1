"""Hides user names and passwords in URLs, for logs and messages."""

import re

_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


def masked(text: str) -> str:
    """`text` with the user and password of every URL in it replaced by `***`."""
    return _USERINFO.sub("***@", text) if "://" in text else text
