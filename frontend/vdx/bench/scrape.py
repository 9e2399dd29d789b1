"""Reads Prometheus text and what `/vdx/status` says, over loopback HTTP."""

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from vdx.core.errors import InvalidInput, VdxError

if TYPE_CHECKING:
    import httpx2

Labels = frozenset[tuple[str, str]]
FETCH_S = 10.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """The samples of one scrape."""

    samples: dict[tuple[str, Labels], float]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of `name` that carry `labels`."""
        wanted = frozenset(labels.items())
        return sum(v for (n, have), v in self.samples.items() if n == name and wanted <= have)

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        """Cumulative counts of a histogram by upper bound, summed over its other labels."""
        wanted, found = frozenset(labels.items()), dict[float, float]()
        for (sample, have), value in self.samples.items():
            if sample == f"{name}_bucket" and wanted <= have:
                bound = float(dict(have)["le"])
                found[bound] = found.get(bound, 0.0) + value
        return dict(sorted(found.items()))


def parse(text: str) -> Metrics:
    """Prometheus text as samples; a counter's name gets the ending `_total` where it has none.

    Raises:
        VdxError: it is no such text.
    """
    from prometheus_client.parser import text_string_to_metric_families

    try:
        families = list(text_string_to_metric_families(text))
    except ValueError as error:
        raise VdxError(f"not Prometheus text: {error}", service="bench") from error
    samples = [sample for family in families for sample in family.samples]
    return Metrics({(each.name, frozenset(each.labels.items())): each.value for each in samples})


def quantile(before: Metrics, after: Metrics, name: str, share: float) -> float | None:
    """The upper bound of the bucket that `share` of a histogram's new values lie in or below.

    None when there are no new values; a bound, never less than the true quantile.
    """
    old, new = before.buckets(name), after.buckets(name)
    counts = {bound: count - old.get(bound, 0.0) for bound, count in new.items()}
    total = max(counts.values(), default=0.0)
    if total <= 0:
        return None
    return next(bound for bound, count in counts.items() if count >= share * total)


def fetch(url: str, api_key: str = "") -> str:
    """The body at `url`, an http address.

    Raises:
        VdxError: nothing answers, or with an error.
    """
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(f"expected an http address, got {url!r}", param="url")
    import httpx2

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        answer = _client().get(url, headers=headers)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise VdxError(f"{url}: {error}", service="bench") from error
    if not answer.is_success:
        refused = f"{url}: {answer.status_code} {answer.reason_phrase}"
        raise VdxError(refused, service="bench")
    return str(answer.text)


@cache
def _client() -> "httpx2.Client":
    """One for all: its certificates take longer to read than most answers take to come.

    No connection is kept, so that none is counted at a server that is measured.
    """
    import httpx2

    return httpx2.Client(timeout=FETCH_S, limits=httpx2.Limits(max_keepalive_connections=0))


def status(url: str, api_key: str = "") -> dict[str, Any]:
    """What `/vdx/status` says: pid, triton_pid, sessions, …"""
    answer: dict[str, Any] = json.loads(fetch(f"{url}/vdx/status", api_key))
    return answer
