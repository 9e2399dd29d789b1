"""Whether a new version of a model does as well as the one it is to replace. No clock and no I/O.

Each request of a session is counted for the version that served it. The new one is given up

- when it errs: three errors, or two of ten requests and more, at a rate that is MORE_ERRORS above
  that of the old one;
- when its median time to the first audio (of recognisers: from the end to the final transcript) is
  SLOWER times that of the old one, and SLACK_MS more, both over COMPARED requests.

It wins when neither is so after ENOUGH requests and `hold_s` seconds. Requests that other frontends
served count as its own. Where neither version had a request for UNUSED_S, or `hold_s` where that is
longer, nobody is there to try it: it wins, too, unless it erred more often than the old one in what
requests there were.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

COMPARED = 10
"""Requests after which a rate or a median tells more than chance."""
ENOUGH = 20
"""Requests that the new version must have served to win."""
ERRORS_AT_ONCE = 3
"""So many errors of fewer requests than COMPARED are no chance either."""
MORE_ERRORS = 0.05
SLOWER = 1.5
SLACK_MS = 10.0
UNUSED_S = 600.0
"""A trial that nobody takes part in for so long ends: it would hold the memory of both versions."""
REMEMBERED = 200
NEVER_USED = float("-inf")


class Outcome(StrEnum):
    """How a trial ended."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a trial; `why` has the figures."""

    outcome: Outcome
    why: str


@dataclass(slots=True)
class RequestStats:
    """The requests of one version: how many, how many erred, and milliseconds of the others."""

    requests: int = 0
    errors: int = 0
    times_ms: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    known_ms: float | None = None
    """The median before the trial, which counts until there are enough requests of the trial."""

    def add(self, ms: float | None) -> None:
        """Counts one request; None: it erred."""
        self.requests += 1
        if ms is None:
            self.errors += 1
        else:
            self.times_ms.append(ms)

    @classmethod
    def of(cls, requests: int, errors: int, times_ms: Iterable[float]) -> "RequestStats":
        """What was counted elsewhere."""
        return cls(requests, errors, deque(times_ms, maxlen=REMEMBERED))

    def with_others(self, others: Iterable["RequestStats"]) -> "RequestStats":
        """The sum; of each its last times, so that none of them hides the others."""
        parts = [self, *others]
        times = [each for stats in parts for each in stats.times_ms]
        return RequestStats(
            sum(stats.requests for stats in parts),
            sum(stats.errors for stats in parts),
            deque(times),
            self.known_ms,
        )

    @property
    def error_rate(self) -> float:
        """From 0 to 1."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def median_ms(self) -> float | None:
        """None where too few were measured."""
        if len(self.times_ms) >= COMPARED:
            return median(self.times_ms)
        return self.known_ms


@dataclass(slots=True)
class Trial:
    """`share` of the new sessions, from 0 to 1, get the new version; times of the caller's clock.

    The first session gets it, and from then on every one that makes up the share: of 10 % the
    1st, the 11th, the 21st.
    """

    share: float
    began: float
    hold_s: float
    old: RequestStats = field(default_factory=RequestStats)
    new: RequestStats = field(default_factory=RequestStats)
    elsewhere: dict[str, tuple[RequestStats, RequestStats]] = field(default_factory=dict)
    """What other frontends counted of the old and of the new version."""
    owed: float = 1.0
    """Sessions that the new version has to get; from 1 on the next one is its. Of several frontends
    only one begins with 1: the first session of each would be more than the share."""

    _requests: int = 0
    """Of both versions, when the verdict was asked for last."""
    _used: float = NEVER_USED
    """When it was more of them than before."""

    @property
    def all_old(self) -> RequestStats:
        """The requests of the old version, wherever they were counted."""
        return self.old.with_others(old for old, _ in self.elsewhere.values())

    @property
    def all_new(self) -> RequestStats:
        """The requests of the new one."""
        return self.new.with_others(new for _, new in self.elsewhere.values())

    def takes_next(self) -> bool:
        """Whether the session that begins now is given the new version."""
        takes = self.owed >= 1.0 - 1e-9
        self.owed += self.share - takes
        return takes

    def verdict(self, now: float) -> Verdict | None:
        """None: it goes on."""
        if why := self._worse():
            return Verdict(Outcome.ROLLED_BACK, why)
        if self._is_unused(now):
            return self._verdict_of_unused()
        if self.all_new.requests < ENOUGH or now - self.began < self.hold_s:
            return None
        return Verdict(Outcome.PROMOTED, self._figures())

    def _is_unused(self, now: float) -> bool:
        requests = self.all_old.requests + self.all_new.requests
        if requests != self._requests:
            self._requests, self._used = requests, now
        return now - max(self._used, self.began) >= max(UNUSED_S, self.hold_s)

    def _verdict_of_unused(self) -> Verdict:
        worse = self.all_new.error_rate > self.all_old.error_rate + MORE_ERRORS
        limit_s = max(UNUSED_S, self.hold_s)
        why = f"nobody used either version for {limit_s:.0f} s: {self._figures()}"
        return Verdict(Outcome.ROLLED_BACK if worse else Outcome.PROMOTED, why)

    def _worse(self) -> str:
        old, new = self.all_old, self.all_new
        enough = new.errors >= ERRORS_AT_ONCE or (new.errors > 1 and new.requests >= COMPARED)
        if enough and new.error_rate > old.error_rate + MORE_ERRORS:
            return f"it errs more often: {self._figures()}"
        if len(new.times_ms) < COMPARED:
            return ""
        before, after = old.median_ms, new.median_ms
        if before is None or after is None or after <= SLOWER * before + SLACK_MS:
            return ""
        return f"it is slower: {self._figures()}"

    def _figures(self) -> str:
        return f"{_told(self.all_new)}; before {_told(self.all_old)}"


def _told(stats: RequestStats) -> str:
    told = f"{stats.errors} of {stats.requests} requests failed"
    if (ms := stats.median_ms) is not None:
        told += f", median {ms:.0f} ms"
    return told
