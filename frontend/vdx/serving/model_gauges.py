"""The metrics of the models of one Triton: which are resident, leased, and how large."""

from vdx.core.metrics import MODEL_LEASES, MODEL_MEMORY, MODEL_RESIDENT
from vdx.serving.model_memory import MEGABYTE
from vdx.serving.residency import Phase, Residency


class ModelGauges:
    """Labelled with the model and the name of the Triton, empty until `rename`."""

    def __init__(self, residency: Residency) -> None:
        self._residency = residency
        self._server = ""
        self._published: set[str] = set()

    def publish(self, name: str) -> None:
        """Tells whether a model is resident, and how many leases it has."""
        self._published.add(name)
        model = self._residency.get(name)
        is_resident = model is not None and model.phase is Phase.RESIDENT
        MODEL_RESIDENT.labels(name, self._server).set(is_resident)
        MODEL_LEASES.labels(name, self._server).set(self._residency.lease_count(name))

    def set_memory(self, name: str, megabytes: float) -> None:
        """Tells how much memory the processes of a model take."""
        MODEL_MEMORY.labels(name, self._server).set(megabytes * MEGABYTE)

    def rename(self, server: str) -> None:
        """Gives the Triton another name; empty: it is used no more, and in none of the metrics."""
        names, self._published = self._published, set()
        for gauge in (MODEL_RESIDENT, MODEL_LEASES, MODEL_MEMORY):
            for name in names:
                gauge.remove(name, self._server)
        self._server = server
        for name in names if server else ():
            self.publish(name)
