"""Runs `backend: "onnxruntime"` models where NVIDIA's backend of that name is absent."""
