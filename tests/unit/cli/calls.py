"""Commands called in this process as the program `vdx` calls them."""

import sys
from collections.abc import Callable
from unittest.mock import patch

import pytest

from vdx.cli import main

Call = Callable[..., int]


def status_of(*arguments: str) -> int:
    """The exit status of `vdx ARGUMENTS`."""
    with patch.object(sys, "argv", ["vdx", *arguments]), pytest.raises(SystemExit) as ended:
        main.main()
    code = ended.value.code
    return code if isinstance(code, int) else int(code is not None)
