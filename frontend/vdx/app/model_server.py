"""One Triton as this process uses it: its client, what loads its models, and what it announces."""

import asyncio
from collections.abc import Callable
from typing import cast

from vdx.app.failover import Failover
from vdx.app.model_requests import ModelRequests
from vdx.app.profile_models import ProfileModels
from vdx.core.errors import TritonError
from vdx.core.logs import logger
from vdx.serving.lease_sync import LeaseSync
from vdx.serving.manager import ModelManager
from vdx.serving.model_status import ModelStatus
from vdx.serving.readiness import Readiness
from vdx.serving.registry.announcement import Measured, model_entry
from vdx.serving.registry.entry import ModelEntry, ModelPhase, ServerEntry
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
        """What it announces: as of the last look, with what was loaded and leased here since.

        Models of which nothing is known are left out.
        """
        models = {status.name: self._model(status) for status in self._statuses}
        return ServerEntry(
            name=self.name,
            addr=self.triton_url or self.client.config.url,
            manager=self.manager_url,
            models={name: entry for name, entry in models.items() if entry is not None},
            draining=self.draining or self.drains(),
        )

    def _model(self, status: ModelStatus) -> ModelEntry | None:
        """As the requests of this process found it."""
        name, manager, requests = status.name, self.manager, self.requests
        if (info := manager.info(name) or status.info) is None:
            return None
        measured = Measured(
            requests.factors.of(name),
            self.client.streams.in_flight(name),
            requests.first_audio_ms.of(name),
            manager.residency.lease_count(name) if manager.residency.get(name) else 0,
        )
        unloaded = manager.is_dismissed(name)
        return model_entry(info, self._phase(status), measured, unloaded=unloaded)

    def _phase(self, status: ModelStatus) -> ModelPhase:
        model = self.manager.residency.get(status.name)
        if model is None:
            gone = status.residency is not None  # it was counted at the last look: unloaded since
            return "resident" if status.state == "READY" and not gone else "absent"
        if model.phase is not Phase.RESIDENT:
            return cast(ModelPhase, str(model.phase))
        loaded = status.state == "READY" or model.since >= self._looked_at
        return "resident" if loaded and self.manager.recovery.alive(status.name) else "absent"
