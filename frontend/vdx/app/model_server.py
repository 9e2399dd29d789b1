"""One Triton as this process uses it: its client, what loads its models, and what it announces."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from vdx.app.failover import Failover
from vdx.app.model_requests import ModelRequests
from vdx.app.profile_models import ProfileModels
from vdx.core.errors import TritonError
from vdx.core.logs import logger
from vdx.serving.lease_sync import LeaseSync
from vdx.serving.manager import ModelManager
from vdx.serving.model_status import ModelStatus
from vdx.serving.readiness import Readiness
from vdx.serving.registry.announcement import server_entry
from vdx.serving.registry.entry import ModelMetrics, ServerEntry
from vdx.serving.residency import Phase
from vdx.serving.triton import TritonClient

log = logger(__name__)


class ModelServer:
    """Its models are loaded by `manager`, itself or through a manager elsewhere.

    One that is `announced` elsewhere is known by its own announcements; any other is looked at
    here.
    """

    def __init__(
        self,
        name: str,
        client: TritonClient,
        manager: ModelManager,
        profiles: ProfileModels,
        *,
        announced: bool = False,
    ) -> None:
        self.name = name
        self.client = client
        self.manager = manager
        manager.rename(name)
        self.announced = announced
        self.readiness = Readiness(client, profiles.initial, manager.recovery.alive)
        self.requests = ModelRequests(client, manager, self.readiness)
        self.failover = Failover(manager, profiles)
        self.owned = False
        """Whether this process is the one that loads and evicts there, and announces it."""
        self.lease_sync: LeaseSync | None = None
        """Where a manager elsewhere loads the models."""
        self.triton_url = self.manager_url = ""
        """Where frontends on other machines find it and its manager; empty: as this process."""
        self.drains: Callable[[], bool] = lambda: False
        """Whether this process is about to end."""
        self.pid: int | None = None
        """Of its Triton, where that is a child of this process."""
        self.draining = False
        self.answers = True
        """Whether Triton answered when it was last asked."""
        self._statuses: list[ModelStatus] = []
        self._looked_at = float("-inf")

    @property
    def is_others(self) -> bool:
        """Whether a manager elsewhere loads its models."""
        return self.lease_sync is not None

    async def look(self, now: Callable[[], float]) -> bool:
        """Asks Triton for its models, for `entry`; whether it answered."""
        began = now()
        try:
            self._statuses = await self.manager.statuses()
        except TritonError as error:
            if self.answers:
                log.warning("model server does not answer", server=self.name, error=error.for_log)
            self.answers = False
        except OSError as error:  # of files: what was known of the models stays
            log.warning("model repository was not read", server=self.name, error=str(error))
        else:
            if not self.answers:
                log.info("model server answers again", server=self.name)
            self.answers, self._looked_at = True, began
        return self.answers

    async def run(self) -> None:
        """Probes and evicts its models, and looks whether it is ready, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.manager.run(), name="watch-models")
            group.create_task(self.readiness.run(), name="watch-readiness")
            if self.lease_sync is not None:
                group.create_task(self.lease_sync.run(), name="send-leases")

    def entry(self) -> ServerEntry:
        """What it announces: as of the last look, with what was loaded and leased here since."""
        return server_entry(
            self.name,
            self.triton_url or self.client.config.url,
            [self._now(status) for status in self._statuses],
            self._measured,
            is_unloaded=self.manager.is_dismissed,
            manager=self.manager_url,
            draining=self.draining or self.drains(),
        )

    def _measured(self, model: str) -> ModelMetrics:
        """As the requests of this process found it."""
        return ModelMetrics(
            rtf=self.requests.factors.p50(model),
            queue_depth=self.client.streams.in_flight(model),
            p50_first_audio_ms=self.requests.first_audio.p50_ms(model),
        )

    def _now(self, status: ModelStatus) -> ModelStatus:
        residency, name = self.manager.residency, status.name
        model, stay, state = residency.get(name), status.stay, status.state
        if model is None:
            gone = stay is not None  # it was counted at the last look: unloaded since
            return replace(status, stay=None, state="UNAVAILABLE" if gone else state)
        if model.phase is Phase.RESIDENT and model.since >= self._looked_at:
            state = "READY"  # loaded since the last look
        if not self.manager.recovery.alive(name):
            state = "UNAVAILABLE"
        return replace(
            status,
            state=state,
            info=self.manager.info(name) or status.info,
            stay=self.manager.stay(name),
        )
