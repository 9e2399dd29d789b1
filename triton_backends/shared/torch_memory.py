"""What PyTorch holds of the GPUs for a model, without loading PyTorch where the model has none."""

import sys


def gpu_bytes() -> int:
    """Bytes that this process has from all GPUs; 0 where PyTorch uses none of them."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return sum(torch.cuda.memory_reserved(each) for each in range(torch.cuda.device_count()))
