"""A frontend is told who loads its models, or that it is the only one to do so."""

import pytest

from vdx.cli.frontend import with_manager
from vdx.core.config import Config
from vdx.core.errors import ConfigError


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"triton": {"url": "gpu:8001"}},
        {"triton": {"url": "gpu:8001"}, "registry": {"url": "redis://r"}},
    ],
    ids=["nothing", "a Triton", "a Triton beside a registry"],
)
def test_one_without_a_manager_is_refused_with_the_line_to_start_it(
    config: dict[str, dict[str, str]],
) -> None:
    with pytest.raises(ConfigError, match="start a manager: vdx manager") as told:
        with_manager(Config.model_validate(config))
    if "triton" in config:
        assert "vdx manager --triton-url gpu:8001" in told.value.message


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({"model_manager": {"url": "http://m:8090"}}, "http://m:8090"),
        ({"model_manager": {"url": "none"}}, ""),
        ({"registry": {"url": "redis://r"}}, ""),
    ],
    ids=["a manager", "none", "an announced one"],
)
def test_one_that_knows_who_loads_is_served(config: dict[str, dict[str, str]], url: str) -> None:
    assert with_manager(Config.model_validate(config)).model_manager.url == url
