"""llama-cpp-python's own way to caption a picture: the reference for ours."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from llama_cpp import Llama

PROMPT = "Describe this video frame in one sentence."


def open_stock(model: Path, mmproj: Path, context: int = 2048) -> Llama:
    """Open a pair as llama-cpp-python documents it, with one thread. Close it after use."""
    from llama_cpp import Llama
    from llama_cpp.llama_chat_format import MTMDChatHandler

    handler = MTMDChatHandler(str(mmproj))
    return Llama(str(model), chat_handler=handler, n_ctx=context, n_threads=1, n_threads_batch=1,
                 verbose=False)  # fmt: skip


def stock_answer(
    llama: Llama,
    picture: Image.Image,
    prompt: str = PROMPT,
    *,
    image_first: bool = False,
    max_tokens: int = 32,
) -> dict[str, Any]:
    """Return the stock handler's greedy answer, with its usage. The picture goes in as PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    parts: list[Any] = [
        {"type": "text", "text": prompt},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    message: Any = {"role": "user", "content": parts[::-1] if image_first else parts}
    answer: Any = llama.create_chat_completion([message], max_tokens=max_tokens, temperature=0)
    return dict(answer)


def stock_caption(
    llama: Llama, picture: Image.Image, prompt: str = PROMPT, *, image_first: bool = False
) -> str:
    """Return the text of the answer."""
    answer = stock_answer(llama, picture, prompt, image_first=image_first)
    return str(answer["choices"][0]["message"]["content"]).strip()
