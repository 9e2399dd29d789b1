"""The client of a model manager that runs elsewhere (`vdx manager`, or `vdx up`), over HTTP."""

from collections.abc import Collection, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from vdx.core.errors import (
    LoadRefused,
    ManagerUnavailable,
    ModelFailed,
    ModelUnavailable,
    TritonError,
)
from vdx.core.logs import logger

if TYPE_CHECKING:
    import httpx2

log = logger(__name__)

LEASES = "/vdx/leases"
TIMEOUT_S = 5.0
ERRORS: dict[str, type[TritonError]] = {
    LoadRefused.code: LoadRefused,
    ModelUnavailable.code: ModelUnavailable,
}
"""Errors of the manager that are raised here as what they are; all others are ModelFailed."""


class ManagerClient:
    """Implements `ModelControl`; every call raises a TritonError subclass when it fails."""

    def __init__(
        self,
        url: str,
        api_key: str = "",
        *,
        load_timeout_s: float = 120.0,
        transport: "httpx2.AsyncBaseTransport | None" = None,
    ) -> None:
        import httpx2

        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.url = url.rstrip("/")
        self._load_timeout_s = load_timeout_s
        self._http = httpx2.AsyncClient(
            base_url=self.url, headers=headers, timeout=TIMEOUT_S, transport=transport
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
        await self._ask("POST", _path(model, "load"), model=model, timeout_s=self._load_timeout_s)

    async def unload(self, model: str) -> None:
        """Has the manager unload a model now."""
        await self._ask("POST", _path(model, "unload"), model=model, timeout_s=self._load_timeout_s)

    async def restart(self, model: str) -> None:
        """Has the manager probe a model that does not answer here, and load it anew if necessary.

        Raises ModelUnavailable where somebody had it unloaded.
        """
        path = _path(model, "load") + "?check=true"
        await self._ask("POST", path, model=model, timeout_s=self._load_timeout_s)

    async def lease(self, leases: Iterable[tuple[str, str]]) -> None:
        """Takes leases, each a session and a model."""
        answer = await self._ask("POST", LEASES, _body(leases))
        if unknown := answer["unknown_models"]:
            log.warning("the model manager has no such models", models=", ".join(unknown))

    async def release(self, leases: Iterable[tuple[str, str]]) -> None:
        """Ends leases; one that has ended already is nothing to do."""
        await self._ask("POST", f"{LEASES}/release", _body(leases))

    async def renew(self, sessions: Collection[str]) -> list[str]:
        """Renews all leases of sessions; returns those of which the manager knows none."""
        answer = await self._ask("POST", f"{LEASES}/renew", {"sessions": sorted(sessions)})
        return [str(session) for session in answer["unknown"]]

    async def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        model: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        import httpx2

        try:
            answer = await self._http.request(method, path, json=body, timeout=timeout_s)
            content = answer.json()
            if answer.is_success:
                return content
            error = content["error"]
            kind = ERRORS.get(error["code"], ModelFailed)
            message = str(error["message"])
        except (httpx2.TransportError, httpx2.InvalidURL) as failure:
            raise ManagerUnavailable(
                f"no model manager answers at {self.url} ({failure}); start one beside its Triton: "
                "vdx manager"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise ManagerUnavailable(
                f"what answers at {self.url} is no model manager; start one: vdx manager"
            ) from None
        raise kind(message, model=model)


def _path(model: str, action: str) -> str:
    return f"/vdx/models/{quote(model, safe='')}/{action}"


def _body(leases: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return {"leases": [{"session": session, "model": model} for session, model in sorted(leases)]}
