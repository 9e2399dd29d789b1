"""What the model is given before the first frame: earlier turns with their audio, then the text."""

from triton_backends.csm.network import Network, Tensor
from triton_backends.csm.turns import Turn
from triton_backends.shared.errors import InvalidArgument

ROLES = tuple("0123456789")
"""The model's own speakers, by number."""


def user_beside(role: int) -> int:
    """The speaker number of the person who talks with the speaker `role`."""
    return 1 if role == 0 else 0


def prompt(
    network: Network, role: int, text: str, before: list[Turn], fixed: int, most: int
) -> Tensor:
    """[1, n, width]; room for `most` frames is left behind it.

    The first `fixed` of the turns `before` are always heard. Of the others the earliest are left
    out where all of them together are longer than the model's memory.

    Raises InvalidArgument where the text has a mark of the model's, or does not fit at all.
    """
    import torch

    parts = [network.text_embeddings(network.text_ids(role, text))]
    parts += [_heard(network, turn) for turn in before]
    room = network.most_positions - most - sum(part.shape[1] for part in parts[: fixed + 1])
    if room < 0:
        raise InvalidArgument(
            f"TEXT and REFERENCE_TEXT are together {-room} tokens longer than the model's memory"
        )
    latest: list[Tensor] = []
    for part in reversed(parts[fixed + 1 :]):
        room -= part.shape[1]
        if room < 0:
            break
        latest.insert(0, part)
    return torch.cat([*parts[1 : fixed + 1], *latest, parts[0]], dim=1)


def _heard(network: Network, turn: Turn) -> Tensor:
    import torch

    text = network.text_embeddings(network.text_ids(turn.role, turn.text))
    return torch.cat([text, network.audio_embeddings(turn.codes)], dim=1)
