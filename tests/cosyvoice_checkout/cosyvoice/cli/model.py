"""The model: what it keeps of a stream it keeps by the stream's id."""

import torch

HELD = 8
"""Frames that are computed again with those that follow, and cross-faded there."""


class CosyVoice2Model:
    def __init__(
        self, llm: torch.nn.Module, flow: torch.nn.Module, hift: torch.nn.Module, fp16: bool
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.llm, self.flow, self.hift, self.fp16 = llm, flow, hift, fp16
        self.hift_cache_dict: dict[str, torch.Tensor | None] = {}

    def load(self, llm_model: str, flow_model: str, hift_model: str) -> None:
        parts = ((self.llm, llm_model), (self.flow, flow_model), (self.hift, hift_model))
        for part, file in parts:
            state = torch.load(file, map_location=self.device, weights_only=True)
            part.load_state_dict({name.replace("generator.", ""): t for name, t in state.items()})
            part.to(self.device).eval()

    def token2wav(
        self,
        token: torch.Tensor,
        prompt_token: torch.Tensor,
        prompt_feat: torch.Tensor,
        embedding: torch.Tensor,
        token_offset: int,
        uuid: str,
        stream: bool = False,
        finalize: bool = False,
        speed: float = 1.0,
    ) -> torch.Tensor:
        assert prompt_feat.shape[1] == 2 * prompt_token.shape[1]
        if not finalize:
            token = token[:, : -self.flow.pre_lookahead_len]
        frames = self.flow(token, embedding)[:, token_offset * self.flow.token_mel_ratio :]
        held = self.hift_cache_dict[uuid]
        if held is not None:
            frames = torch.cat([held, frames], dim=1)
        audio = self.hift(frames)
        if finalize:
            return audio
        self.hift_cache_dict[uuid] = frames[:, -HELD:]
        return audio[:, : -HELD * self.hift.hop]
