"""vdx: a realtime duplex voice system whose speech models live in NVIDIA Triton."""

__version__ = "0.1.0"
