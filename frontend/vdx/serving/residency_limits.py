"""The limits of residency that the configuration of a model manager sets."""

from vdx.core.config import ModelManagerConfig
from vdx.serving.residency import ResidencyLimits


def limits_of(config: ModelManagerConfig) -> ResidencyLimits:
    """The limits of a manager that is the only one on its Triton."""
    return ResidencyLimits(
        ttl_s=config.ttl_ms / 1000,
        min_residency_s=config.min_residency_ms / 1000,
        resident_cap=config.resident_cap,
        memory_limit_mb=config.memory_limit_mb,
        lease_expiry_s=_lease_expiry_s(config),
    )


def no_limits_of(config: ModelManagerConfig) -> ResidencyLimits:
    """Of one that evicts nothing by itself; its leases are renewed as often as a manager's."""
    return ResidencyLimits(lease_expiry_s=_lease_expiry_s(config))


def _lease_expiry_s(config: ModelManagerConfig) -> float:
    """A hundredth sooner than configured, within which everything has to be free.

    The message that renewed a lease last, and the look that ends it, take some milliseconds.
    """
    return 0.99 * config.lease_expiry_ms / 1000
