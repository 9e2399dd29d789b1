"""Mutual TLS between a manager and its frontends: `model_manager.tls`.

Each shows a certificate that the other's CA signed. Names are checked by the frontend, as in any
https. The manager of `vdx up`, whose HTTP server people reach too, has none.
"""

import ssl
from pathlib import Path
from typing import Any

from vdx.core.config import TlsConfig
from vdx.core.errors import ConfigError


def client_context(tls: TlsConfig) -> ssl.SSLContext | bool:
    """What a frontend connects with; True, the usual checks, where no files are given.

    Raises:
        ConfigError: a file cannot be read, or is not what it is said to be.
    """
    if not tls.given:
        return True
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        context.load_cert_chain(*_own(tls))
    except (OSError, ssl.SSLError) as error:
        raise _unusable(error) from error
    return context


def server_options(tls: TlsConfig) -> dict[str, Any]:
    """What a manager's HTTP server is made with; empty where no files are given.

    Raises:
        ConfigError: as `client_context`.
    """
    if not tls.given:
        return {}
    client_context(tls)  # uvicorn would end with a traceback
    certificate, key = _own(tls)
    return {
        "ssl_certfile": str(certificate),
        "ssl_keyfile": str(key),
        "ssl_ca_certs": str(tls.ca),
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }


def _own(tls: TlsConfig) -> tuple[Path, Path]:
    if tls.certificate is None or tls.key is None:
        raise ConfigError("model_manager.tls: certificate and key belong to ca")
    return tls.certificate, tls.key


def _unusable(error: OSError) -> ConfigError:
    named = f"{error.filename}: " if error.filename else ""
    return ConfigError(f"configuration key model_manager.tls: {named}{error.strerror or error}")
