"""Has every frontend that shares a registry take part in an update that one of them was asked for.

The one that was asked decides and tells every change of state. The others load the new version
beside the old one, give it to the same share of their sessions, and tell what they counted.
"""

import secrets

from vdx.app.model_updates import ModelUpdates
from vdx.app.update import Update
from vdx.core.logs import logger
from vdx.serving.model_versions import ModelVersions
from vdx.serving.registry.shared_updates import SharedUpdates
from vdx.serving.registry.update_entry import (
    UpdateEntry,
    UpdateFigures,
    VersionCounts,
    VersionEntry,
)
from vdx.serving.update_trial import RequestStats, Trial

log = logger(__name__)


class UpdateSharing:
    """Between the updates of this process and those that others tell of."""

    def __init__(
        self, updates: ModelUpdates, versions: ModelVersions, exchange: SharedUpdates
    ) -> None:
        self._updates = updates
        self._versions = versions
        self._exchange = exchange
        self._by = secrets.token_hex(6)
        updates.told = self._tell
        exchange.heard = self._hear
        exchange.reported = self._count
        exchange.version = self._take_version

    async def start(self) -> None:
        """Takes over what names stand for, before the first session; waits for Redis once."""
        self._exchange.version = lambda entry: self._versions.put(entry.name, entry.model)
        await self._exchange.read()
        self._exchange.version = self._take_version

    async def run(self) -> None:
        """Tells and hears until cancelled."""
        await self._exchange.run()

    # --- to the others ----------------------------------------------------------------------

    def _tell(self, update: Update) -> None:
        if update.led_here:
            self._exchange.tell(self._entry(update))
        elif update.is_over() or update.state == "trial" or update.why:
            self._exchange.report(self._figures(update))

    def _entry(self, update: Update) -> UpdateEntry:
        promoted = update.state == "promoted"
        return UpdateEntry(
            id=update.id,
            name=update.name,
            old=update.old,
            new=update.new,
            share=update.trial.share,
            state=update.state,
            why=update.why,
            revision=self._exchange.next_revision(update.name) if promoted else 0,
        )

    def _figures(self, update: Update) -> UpdateFigures:
        return UpdateFigures(
            id=update.id,
            by=self._by,
            old=_counts(update.trial.old),
            new=_counts(update.trial.new),
            problem="" if update.state == "promoted" else update.why,
        )

    # --- from the others --------------------------------------------------------------------

    def _hear(self, entry: UpdateEntry) -> None:
        update = self._updates.find(entry.id)
        if update is None:
            update = None if entry.is_over else self._begun(entry)
        if update is None or update.led_here or update.is_over():
            return
        if entry.state == "promoted":
            self._updates.promote_soon(update, entry.why)
        elif entry.state == "rolled back":
            self._updates.give_up(update, entry.why)
        elif entry.state == "trial" and not update.joins:
            update.joins = True
            self._updates.join(update)

    def _begun(self, entry: UpdateEntry) -> Update | None:
        """An update that began elsewhere; None where one that is decided here goes on instead."""
        for other in self._updates.active(entry.name, entry.old, entry.new):
            if other.id < entry.id:
                return None  # begun at once in two places: the smaller id stays, everywhere
            why = f"another frontend updates {entry.name}"
            self._updates.give_up(other, why, unload=other.new != entry.new)
        if reason := self._updates.in_use(entry.new):
            problem = f"a frontend uses {entry.new} ({reason}), from which going back would take it"
            self._exchange.report(UpdateFigures(id=entry.id, by=self._by, problem=problem))
            return None
        trial = Trial(entry.share, began=0.0, hold_s=0.0, owed=entry.share)
        update = Update(entry.name, entry.old, entry.new, trial, id=entry.id, led_here=False)
        self._updates.add(update)
        return update

    def _count(self, figures: UpdateFigures) -> None:
        update = self._updates.find(figures.id)
        if update is None or not update.led_here or update.is_over():
            return
        if figures.problem:
            self._updates.give_up(update, figures.problem)
            return
        update.trial.elsewhere[figures.by] = (_stats(figures.old), _stats(figures.new))
        update.changed.set()

    def _take_version(self, entry: VersionEntry) -> None:
        """What a name stands for since an update elsewhere, maybe before this process began."""
        if self._versions.of(entry.name) == entry.model:
            return
        log.info("model version taken over", model=entry.name, version=entry.model)
        self._updates.take_version(entry.name, entry.model)


def _counts(stats: RequestStats) -> VersionCounts:
    return VersionCounts(
        requests=stats.requests, errors=stats.errors, times_ms=tuple(stats.times_ms)
    )


def _stats(counts: VersionCounts) -> RequestStats:
    return RequestStats.of(counts.requests, counts.errors, counts.times_ms)
