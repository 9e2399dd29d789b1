"""What the shell is offered for a value that was begun: models on this machine, and settings.

Called while somebody types: a fault of this machine offers nothing and prints nothing.
"""

from vdx.core.errors import VdxError


def model_ids(incomplete: str) -> list[str]:
    """Ids of the models here that begin so, loaded or not."""
    from vdx.core.paths import locate

    try:
        folders = locate().model_repositories
        found = [config.parent.name for each in folders for config in each.glob("*/config.pbtxt")]
    except (OSError, VdxError):
        return []
    return sorted(name for name in found if name.startswith(incomplete))


def setting_keys(incomplete: str) -> list[str]:
    """Keys of the configuration that begin so."""
    from vdx.core.config_help import settings

    return [each.key for each in settings() if each.key.startswith(incomplete)]
