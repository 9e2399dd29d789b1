"""Updates of models while people talk: a second name, a share of new sessions, and a verdict.

The new version is loaded beside the old one on every server that has it, and serves a share of the
sessions that begin. What becomes of it is decided by `serving/update_trial.py`. A session keeps the
version that it began with, except that one with a version that is given up goes back to the old one
with its next clause or utterance.

Where frontends share a registry, `app/shared_updates.py` has the others take part in an update:
each gives the same share of its sessions to the new version, and the one that was asked decides.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from vdx.app.served_models import ServedModels
from vdx.app.update import Update, UpdateState
from vdx.core.errors import InvalidInput, ModelFailed, TritonUnavailable, UnknownName, VdxError
from vdx.core.logs import logger
from vdx.core.metrics import MODEL_UPDATES
from vdx.core.threads import in_thread
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session import Session
from vdx.serving.model_versions import ModelVersions
from vdx.serving.models import ASKED, KIND_NAMES, ModelInfo
from vdx.serving.update_trial import Outcome, RequestStats, Trial, Verdict

log = logger(__name__)

TAKE_AGAIN_S = 10.0
"""After which a version is asked for again that no server could be asked for."""
LOOK_S = 1.0
"""How often a trial is looked at beside the end of every request."""
REMEMBERED = 50
"""Updates that are over and still listed."""


class ModelUpdates:
    """`sessions` are the open ones, by id; `kept_changed` hears what must stay loaded, and why."""

    def __init__(
        self,
        served: ServedModels,
        versions: ModelVersions,
        sessions: Mapping[str, Session],
        kept_changed: Callable[[Mapping[str, str]], None],
    ) -> None:
        self._served = served
        self._versions = versions
        self._sessions = sessions
        self._kept_changed = kept_changed
        self._updates: list[Update] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._unloads: dict[str, asyncio.Task[None]] = {}
        """Versions that are being unloaded."""
        self._taking: dict[str, str] = {}
        """Name -> the version that an update elsewhere gave it last."""
        self.told: Callable[[Update], None] = lambda _: None
        """Called when the state of an update has changed, or one that others decide was used."""

    # --- asked for --------------------------------------------------------------------------

    async def start(self, name: str, source: str, share: float, hold_s: float) -> Update:
        """Begins to update what `name` stands for to the model `source`, and returns at once.

        `share` is from above 0 to 1; the new version must do well for `hold_s` seconds.

        Raises:
            UnknownName: there is no model of one of the names.
            InvalidInput: it is updated already, or `source` serves it, or sessions start with that.
        """
        name = self._versions.name_of(await self._served.find(name))
        if not source:
            raise InvalidInput("source: the model that is to take its place", param="source")
        old, new = self._versions.of(name), await self._served.find(source)
        if new == old:
            raise InvalidInput(f"{name!r} is served by {new!r} already", param="source")
        for other in self._active():
            if {name, old, new} & {other.name, other.old, other.new}:
                raise InvalidInput(
                    f"an update of {other.name!r} to {other.new!r} is under way; "
                    f"`vdx models update {other.name} --cancel` ends it",
                    param="name",
                )
        if reason := self.in_use(new):
            message = f"{new!r} is in use ({reason}), from which going back would take it"
            raise InvalidInput(message, param="source")
        update = Update(name, old, new, Trial(share, _now(), hold_s))
        self.add(update)
        self._spawn(self._run(update), f"update-{name}")
        return update

    def cancel(self, name: str) -> Update:
        """Has an update that is under way go back; raises UnknownName where there is none."""
        for update in self._active():
            if name in (update.name, update.old, update.new):
                self.give_up(update, "an operator ended it")
                return update
        raise UnknownName(f"no update of {name!r} is under way", param="name")

    @property
    def all(self) -> tuple[Update, ...]:
        """Those under way and the last that are over, in the order in which they began."""
        return tuple(self._updates)

    async def close(self) -> None:
        """Ends the trials; the old versions serve."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- decided elsewhere ------------------------------------------------------------------

    def add(self, update: Update) -> None:
        """Takes an update that has begun, here or elsewhere."""
        self._updates = [*self._updates[-REMEMBERED:], update]
        self._keep()
        self.told(update)

    def find(self, update_id: str) -> Update | None:
        """One by its id, under way or over."""
        return next((each for each in self._updates if each.id == update_id), None)

    def in_use(self, model: str) -> str:
        """Why sessions start with a model, which then is no new version; empty: none does."""
        return self._served.kept.get(model, "")

    def active(self, *models: str) -> list[Update]:
        """Those under way that have to do with one of these models."""
        names = set(models)
        return [each for each in self._active() if names & {each.name, each.old, each.new}]

    def join(self, update: Update) -> None:
        """Has sessions of this process take part in one that is decided elsewhere."""
        self._spawn(self._join(update), f"join-{update.name}")

    async def _join(self, update: Update) -> None:
        try:
            update.info = await self._load(update)
        except VdxError as error:
            if update.is_over():
                return
            update.why = f"a frontend cannot use it: {error}"
        else:
            if self._ended_meanwhile(update):
                return
            update.state, update.trial.owed = "trial", update.trial.share
            log.info("model update joined", model=update.name, version=update.new)
        self.told(update)

    def take_version(self, name: str, model: str) -> None:
        """A model serves a name since an update that this process took no part in."""
        self._taking[name] = model
        self._spawn(self._take_version(name, model), f"take-{model}")

    async def _take_version(self, name: str, model: str) -> None:
        while self._taking.get(name) == model:
            try:
                if self._served.current(name) in self._served.kept:
                    await self._served.ensure(model)
            except VdxError as error:
                log.warning(
                    "version not taken over", model=name, version=model, error=error.for_log
                )
                if not isinstance(error, TritonUnavailable):
                    return
                await asyncio.sleep(TAKE_AGAIN_S)
            else:
                break
        if self._taking.get(name) != model:
            return  # a newer one has come
        self._versions.put(name, model)
        self._keep()
        await in_thread(self._versions.save)

    async def promote(self, update: Update, why: str) -> None:
        """The new version serves everybody from now on."""
        if update.is_over():
            return
        self._taking.pop(update.name, None)
        self._versions.put(update.name, update.new)
        self._over(update, "promoted", why)
        self._keep()
        await in_thread(self._versions.save)
        try:
            await self._served.leave_when_free(update.old, update.new)
        except VdxError as error:
            log.warning("version not unloaded", model=update.old, error=error.for_log)

    def promote_soon(self, update: Update, why: str) -> None:
        """As `promote`, without waiting for it."""
        self._spawn(self.promote(update, why), f"promote-{update.name}")

    # --- sessions ---------------------------------------------------------------------------

    def for_session(self, options: SessionOptions, session: str) -> SessionOptions:
        """The options of a session that begins now: some get a version that is on trial."""
        for update in self._active():
            info = update.info
            if update.state != "trial" or info is None or not info.speaks(options.language):
                continue
            uses = update.old in (options.voice, options.recogniser)
            if uses and update.trial.takes_next():
                options = _with_model(options, update.old, update.new)
                update.given.add(session)
        return options

    def forget(self, session: str) -> None:
        """It has ended."""
        for update in self._updates:
            update.given.discard(session)

    def stats_of(self, model: str) -> RequestStats | None:
        """Where a request of a session to a model is counted; None: nowhere."""
        found = (update.stats_of(model) for update in self._active())
        return next((stats for stats in found if stats is not None), None)

    def counted(self, model: str) -> None:
        """A request to a model was counted: what it decides is decided at once."""
        for update in self._active():
            if model in (update.old, update.new):
                update.changed.set()
                if not update.led_here:
                    self.told(update)

    def instead_of(self, session: str, model: str) -> str:
        """The old version where an update gave a session this one and has not promoted it.

        Empty where none did: who chose the model itself, or got it by another update, keeps it.
        """
        for update in reversed(self._updates):
            if update.new == model and session in update.given:
                return "" if update.state == "promoted" else update.old
        return ""

    # --- one update -------------------------------------------------------------------------

    def _active(self) -> Iterator[Update]:
        return (update for update in list(self._updates) if not update.is_over())

    async def _run(self, update: Update) -> None:
        try:
            update.info = await self._load(update)
        except VdxError as error:
            self.give_up(update, f"it was not loaded: {error}")
            return
        if self._ended_meanwhile(update):
            return
        update.trial.began, update.state = _now(), "trial"
        update.trial.old.known_ms = self._served.first_audio_ms(update.old)
        self.told(update)
        log.info("model update on trial", model=update.name, version=update.new)
        while (verdict := update.trial.verdict(_now())) is None:
            update.changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await update.changed.wait()
            if update.is_over():
                return
        await self._end(update, verdict)

    async def _load(self, update: Update) -> ModelInfo:
        """Loads the new version wherever the old one is; raises where it cannot take its place."""
        for model in (update.old, update.new):  # an update before this one may still unload it
            if (unloading := self._unloads.get(model)) is not None:
                await asyncio.wait({unloading})
        before = await self._served.ensure(update.old)
        if before.kind in ASKED:
            what = "an endpointer" if before.kind == "endpointer" else "a speaker model"
            raise ModelFailed(
                f"{before.name} is {what}, of which no session can try another one; "
                f"`vdx models use {update.new}` switches all",
                model=before.name,
            )
        info = await self._served.load_beside(update.old, update.new)
        if info.kind != before.kind:
            given, wanted = KIND_NAMES[info.kind], KIND_NAMES[before.kind]
            raise ModelFailed(f"{info.name} is a {given}, not a {wanted}", model=info.name)
        missing = [tag for tag in before.languages if not info.speaks(tag)]
        if missing:
            raise ModelFailed(f"{info.name} lacks {', '.join(missing)}", model=info.name)
        return info

    async def _end(self, update: Update, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.ROLLED_BACK:
            self.give_up(update, verdict.why)
        else:
            await self.promote(update, verdict.why)

    def give_up(self, update: Update, why: str, *, unload: bool = True) -> None:
        """The old version serves everybody again; the new one is unloaded, unless it is in use.

        Where an operator made the new one the default meanwhile, sessions keep it.
        """
        if update.is_over():
            return
        self._over(update, "rolled back", why)
        self._keep()
        if reason := self.in_use(update.new):
            log.warning("given up, and in use all the same", model=update.new, reason=reason)
            return
        for session in list(self._sessions.values()):
            if update.new in (session.options.voice, session.options.recogniser):
                session.update(_with_model(session.options, update.new, update.old))
        if unload:
            self._unload_soon(update.new)

    def _ended_meanwhile(self, update: Update) -> bool:
        """Whether it is over since its version began to load; what came of that goes again."""
        if update.state == "rolled back" and not self.active(update.new):
            self._unload_soon(update.new)
        return update.is_over()

    def _unload_soon(self, version: str) -> None:
        task = self._spawn(self._unload(version), f"unload-{version}")
        self._unloads[version] = task
        task.add_done_callback(lambda done: self._unloaded(version, done))

    def _unloaded(self, version: str, task: asyncio.Task[None]) -> None:
        if self._unloads.get(version) is task:  # else it is unloaded once more
            del self._unloads[version]

    async def _unload(self, version: str) -> None:
        """Unloads a version that was given up, after what it is saying now."""
        try:
            await self._served.unload_exactly(version)
        except VdxError as error:
            log.warning("version not unloaded", model=version, error=error.for_log)

    def _over(self, update: Update, state: UpdateState, why: str) -> None:
        update.state, update.why = state, why
        update.changed.set()
        if update.led_here:
            MODEL_UPDATES.labels(update.name, state).inc()
        self.told(update)
        tell = log.info if state == "promoted" else log.warning
        tell("model update over", model=update.name, version=update.new, outcome=state, why=why)

    def _keep(self) -> None:
        """No server evicts either version while an update is under way."""
        kept: dict[str, str] = {}
        for update in self._active():
            kept |= dict.fromkeys((update.old, update.new), f"update of {update.name}")
        self._kept_changed(kept)


def _with_model(options: SessionOptions, before: str, after: str) -> SessionOptions:
    """Options in which one model is replaced by another; the voice's speaker stays."""
    if options.voice == before:
        options = options.updated(voice_choice=replace(options.voice_choice, model=after))
    if options.recogniser == before:
        options = options.updated(recogniser=after)
    return options


def _now() -> float:
    return asyncio.get_running_loop().time()
