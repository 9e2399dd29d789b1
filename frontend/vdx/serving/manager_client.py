"""The client of a model manager that runs elsewhere (`vdx manager`, or `vdx up`), over HTTP."""

from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

from vdx.core.config import TlsConfig
from vdx.core.error_words import error_words
from vdx.core.errors import (
    LoadRefused,
    ManagerRefused,
    ManagerUnavailable,
    ModelBusy,
    ModelFailed,
    ModelTimeout,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
)
from vdx.core.logs import logger
from vdx.serving.manager_tls import client_context

if TYPE_CHECKING:
    import httpx2

log = logger(__name__)

Answer = TypeVar("Answer")

LEASES = "/vdx/leases"
EXACT = "?exact=true"
"""This model, not the version that may serve its name there since an update."""
TIMEOUT_S = 5.0
REFUSED = (401, 403)
ERRORS: dict[str, type[TritonError]] = {
    kind.code: kind
    for kind in (LoadRefused, ModelBusy, ModelTimeout, ModelUnavailable, TritonUnavailable)
}
"""Errors of the manager that are raised here as what they are; all others are ModelFailed."""


class ManagerClient:
    """Implements `ModelControl`; every call raises a TritonError subclass when it fails."""

    def __init__(
        self,
        url: str,
        api_key: str = "",
        *,
        tls: TlsConfig | None = None,
        load_timeout_s: float = 120.0,
        transport: "httpx2.AsyncBaseTransport | None" = None,
    ) -> None:
        """`tls` has the files of mutual TLS; raises ConfigError where one cannot be read."""
        import httpx2

        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.url = url.rstrip("/")
        self._load_timeout_s = load_timeout_s
        self._unknown: list[str] = []
        """Models of the last leases that the manager does not have."""
        self._http = httpx2.AsyncClient(
            base_url=self.url,
            headers=headers,
            timeout=TIMEOUT_S,
            transport=transport,
            verify=client_context(tls or TlsConfig()),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def require(self) -> None:
        """Raises ManagerUnavailable, with the line that starts one, where none answers."""
        await self.renew(())

    async def load(self, model: str) -> None:
        """Has the manager load a model, or wait until it is loaded again."""
        await self._act(model, "load")

    async def unload(self, model: str) -> None:
        """Has the manager unload a model now."""
        await self._act(model, "unload")

    async def unload_when_free(self, model: str) -> bool:
        """Has the manager unload a model once no frontend leases it; whether it is unloaded."""
        path = _path(model, "unload") + f"{EXACT}&when_free=true"
        limit_s = self._load_timeout_s
        return await self._ask("POST", path, model=model, timeout_s=limit_s, answer=_is_gone)

    async def restart(self, model: str) -> None:
        """Has the manager probe a model that does not answer here, and load it anew if necessary.

        Raises ModelUnavailable where somebody had it unloaded.
        """
        await self._act(model, "load", "&check=true")

    async def _act(self, model: str, action: str, query: str = "") -> None:
        path, limit_s = _path(model, action) + EXACT + query, self._load_timeout_s
        await self._ask("POST", path, model=model, timeout_s=limit_s, answer=_nothing)

    async def lease(self, leases: Iterable[tuple[str, str]]) -> None:
        """Takes leases, each a session and a model."""
        unknown = await self._ask("POST", LEASES, _body(leases), answer=_models_unknown)
        if unknown and unknown != self._unknown:  # they are leased again at every heartbeat
            log.warning("the model manager has no such models", models=", ".join(unknown))
        self._unknown = unknown

    async def release(self, leases: Iterable[tuple[str, str]]) -> None:
        """Ends leases; one that has ended already is nothing to do."""
        await self._ask("POST", f"{LEASES}/release", _body(leases), answer=_nothing)

    async def renew(self, sessions: Collection[str]) -> int:
        """Renews all leases of sessions; how many the manager holds of them."""
        body = {"sessions": sorted(sessions)}
        return await self._ask("POST", f"{LEASES}/renew", body, answer=_leases_held)

    async def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        model: str = "",
        timeout_s: float = TIMEOUT_S,
        answer: Callable[[Any], Answer],
    ) -> Answer:
        """What `answer` reads from the JSON of a request that the manager carried out."""
        import httpx2

        try:
            response = await self._http.request(method, path, json=body, timeout=timeout_s)
            content = response.json()
            if response.is_success:
                return answer(content)
            error = content["error"]
            if response.status_code in REFUSED:
                raise ManagerRefused(
                    f"the model manager at {self.url} refuses the key in model_manager.api_key: "
                    f"{error_words(error)}"
                )
            kind = ERRORS.get(error["code"], ModelFailed)
            message = error_words(error)
        except (httpx2.RequestError, httpx2.InvalidURL) as failure:
            raise ManagerUnavailable(
                f"no model manager answers at {self.url} ({failure}); start one beside its Triton: "
                "vdx manager"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise ManagerUnavailable(
                f"what answers at {self.url} is no model manager; start one: vdx manager"
            ) from None
        raise kind(message, model=model)


def _nothing(_content: Any) -> None:
    """The status tells all."""


def _models_unknown(content: Any) -> list[str]:
    return [str(name) for name in content["unknown_models"]]


def _leases_held(content: Any) -> int:
    return int(content["leases"])


def _is_gone(content: Any) -> bool:
    return not content["waits"]


def _path(model: str, action: str) -> str:
    return f"/vdx/models/{quote(model, safe='')}/{action}"


def _body(leases: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return {"leases": [{"session": session, "model": model} for session, model in sorted(leases)]}
