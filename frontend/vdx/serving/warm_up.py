"""The first request to a model that was just loaded: before it is answered nobody else gets it.

Triton's load returns when the backend is ready; the first inference of a network still allocates
and plans, which the first user would wait for.
"""

from contextlib import aclosing

import numpy as np

from vdx.core.audio import LISTEN_RATE
from vdx.core.errors import ModelBusy, ModelRejected, ModelTimeout
from vdx.core.logs import logger
from vdx.serving.models import ModelInfo
from vdx.serving.triton import SynthesisRequest, TritonClient

log = logger(__name__)

TEXT = "1."
"""About 300 ms; every language reads numbers."""
AUDIO_S = 0.3
ATTEMPTS = 3
"""A first answer may take longer than `triton.first_response_timeout_ms` on a busy machine."""
JUDGE_MS = 5_000


async def warm_up(client: TritonClient, model: ModelInfo) -> None:
    """Has a model synthesise, recognise or judge about 300 ms.

    A model that is busy or refuses the request answers too. Raises a TritonError where it fails.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await _use(client, model)
        except (ModelBusy, ModelRejected) as error:
            log.debug("warm-up was refused", model=model.name, error=error.for_log)
        except ModelTimeout as error:
            log.warning("warm-up takes long", model=model.name, error=str(error))
            if attempt == ATTEMPTS:
                raise
            continue
        return


async def _use(client: TritonClient, model: ModelInfo) -> None:
    silence = np.zeros(int(AUDIO_S * LISTEN_RATE), np.int16).tobytes()
    if model.kind == "tts":
        async with aclosing(client.synthesize(model.name, SynthesisRequest(TEXT))) as chunks:
            async for _ in chunks:
                pass
    elif model.kind == "endpointer":
        await client.judge(model.name, silence, JUDGE_MS)
    elif model.kind == "speaker":
        await client.embed(model.name, silence, JUDGE_MS)
    else:
        async with client.recognise(model.name) as stream:
            await stream.send(silence, end=True)
            async for _ in stream:
                pass
