"""Keys of earlier versions, which the errors about them name the new ones for."""

REMOVED = {
    "asr.compute_type": "it is set for each model: vdx voices pull NAME --parameter compute_type=…",
    "asr.device": "it is set for each model: vdx voices pull NAME --parameter device=…",
    "log.json_lines": "set log.format to json",
    "embedded.grpc_port": "Triton listens on a Unix socket, which every command of this VDX_HOME "
    "finds; for a network port with mutual TLS set embedded.grpc_address to HOST:PORT",
    "embedded.http_port": "the embedded Triton serves no HTTP, because whoever reaches it could "
    "run code in it; use gRPC, see triton.url",
    "models": "what models.preload named is named by model_manager.preload_model_ids",
}
"""Keys that are gone, and what to use instead."""

RENAMED = {
    "livekit.drain_timeout_seconds": "server.drain_timeout_seconds",
    "livekit.echo_cancellation": "echo_control.cancellation",
    "livekit.noise_suppression": "echo_control.noise_suppression",
    "asr.adapter": "asr.model",
    "asr.model_size": "asr.model",
    "echo": "echo_control",
    "responder.echo": "responder.repeat",
}
"""Keys of earlier versions, and what they are called now; those of a profile without its name."""

RENAMED_VALUES = {("responder.kind", "echo"): "repeat"}
"""(key, value) of earlier versions, and what the value is called now."""
