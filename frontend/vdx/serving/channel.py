"""A gRPC channel to Triton: plain over a Unix socket, with mutual TLS where files are given."""

from pathlib import Path

import grpc

from vdx.core.config import TlsConfig, TritonConfig
from vdx.core.errors import ConfigError

ChannelOptions = tuple[tuple[str, int], ...]

CHANNEL_OPTIONS: ChannelOptions = (
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    # A server that comes back is found within a second instead of after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
FAST_RECONNECT_OPTIONS: ChannelOptions = (
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 100),
)
"""Reconnects quickly, for a server that was started just now."""


def open_channel(
    config: TritonConfig, options: ChannelOptions = CHANNEL_OPTIONS
) -> grpc.aio.Channel:
    """The channel to `config.url`; raises ConfigError when a TLS file cannot be read."""
    tls = config.tls
    if config.url.startswith("unix:") or not tls.given:
        return grpc.aio.insecure_channel(config.url, options=options)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_read("ca", tls.ca),
        private_key=_read("key", tls.key),
        certificate_chain=_read("certificate", tls.certificate),
    )
    return grpc.aio.secure_channel(config.url, credentials, options=options)


def tls_files(tls: TlsConfig) -> tuple[Path, Path, Path]:
    """CA, certificate and key, each of which can be read; raises ConfigError."""
    if tls.ca is None or tls.certificate is None or tls.key is None:
        raise ConfigError(
            "a Triton on the network needs mutual TLS: set triton.tls.ca, triton.tls.certificate "
            "and triton.tls.key (scripts/make_certificates.sh makes them)"
        )
    for name, file in (("ca", tls.ca), ("certificate", tls.certificate), ("key", tls.key)):
        _read(name, file)
    return tls.ca.absolute(), tls.certificate.absolute(), tls.key.absolute()


def _read(name: str, file: Path | None) -> bytes:
    try:
        return b"" if file is None else file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"configuration key triton.tls.{name}: {file}: {error.strerror}"
        ) from error
