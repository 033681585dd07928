"""A GGUF model in this process: loading, what its cache holds, and generation.

Not safe to use from two threads at once: :mod:`vidsum.backends.llama` has one for all.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidsum.backends.answers import without_thoughts
from vidsum.backends.chat_template import ChatTemplate
from vidsum.backends.machine import layers_on_gpu, usable_cores
from vidsum.backends.native_log import native_log
from vidsum.backends.sampling import Sampler
from vidsum.errors import BackendFailed, BackendMissing
from vidsum.wording import escaped, shown

BATCH_TOKENS = 512
_CORE_BATCH_TOKENS = 128
"""What is evaluated at once on cores. As fast as 512 there (measured, SmolVLM2 256M), and nothing
can be stopped within a batch: with a large model one of 512 takes half a minute."""
_PIECE_BYTES = 64
_HINTS = {
    "data is not within": "The file may be cut off: get it again.",
    "failed to seek": "The file may be cut off: get it again.",
    "failed to read": "The file may be cut off: get it again.",
    "magic": "This is no GGUF file.",
    "CLIP": "This file is a picture encoder: it goes with --mmproj.",
}
"""What to do about llama.cpp's reasons."""
INSTALL_HINT = "Install it: pip install 'vidsum[local]'"


class Stopped(Exception):
    """Somebody asked the model to stop in the middle."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A model's words. ``thought_tokens`` of its ``tokens`` were thinking, which is left out."""

    text: str
    tokens: int
    thought_tokens: int
    cut: bool


class GgufModel:
    """One loaded model, its chat template and its cache. ``gpu_layers``: see layers_on_gpu.

    The context has ``context_tokens``, or as many as the model was trained for if that is less.
    Raises: BackendMissing, BackendFailed.
    """

    def __init__(
        self, path: Path, context_tokens: int, threads: int | None, gpu_layers: int | None
    ) -> None:
        require_llama()
        if not path.is_file():
            raise BackendMissing(f"There is no model file {shown(path)}.")
        self.path = path
        self.threads = threads or usable_cores()
        self.gpu_layers = layers_on_gpu(gpu_layers)
        self.stopping = threading.Event()
        self.stack = contextlib.ExitStack()
        # At the interpreter's end too: llama.cpp complains of a model that nobody closed.
        self._finalizer = weakref.finalize(self, self.stack.close)
        try:
            self.llm, self.context_tokens = self._load(context_tokens)
            self.template = self._chat_template()
        except BaseException:
            self.close()
            raise
        self._held: list[int] = []

    def close(self) -> None:
        """Let go of the model; may be called twice."""
        self._finalizer()

    def _load(self, context_tokens: int) -> tuple[Any, int]:
        """Return the model and its context. llama.cpp's own figure for that is rounded up."""
        import llama_cpp

        llm = self._open(context_tokens)
        trained_for = int(llama_cpp.llama_model_n_ctx_train(llm.model))
        if 0 < trained_for < context_tokens:
            llm.close()  # the room for more tokens than it can use may be gigabytes
            llm, context_tokens = self._open(trained_for), trained_for
        self.stack.callback(llm.close)
        return llm, context_tokens

    def _open(self, context_tokens: int) -> Any:
        import jinja2

        native_log().forget()
        try:
            return llama_class()(
                _NativePath(self.path),
                n_ctx=context_tokens,
                n_batch=BATCH_TOKENS,
                n_ubatch=BATCH_TOKENS,
                n_threads=self.threads,
                n_threads_batch=self.threads,
                n_gpu_layers=self.gpu_layers,
                verbose=False,
            )
        except jinja2.TemplateError as exc:  # it reads them all at once
            raise self.unusable(f"a chat template in it cannot be read: {escaped(str(exc))}",
                                self.path) from exc  # fmt: skip
        except (ValueError, RuntimeError, AssertionError, OSError, MemoryError) as exc:
            raise self.unusable(native_log().reason() or escaped(str(exc)), self.path) from exc

    def unusable(self, reason: str, path: Path) -> BackendFailed:
        """Return the error for a file that does not load."""
        known = (hint for part, hint in _HINTS.items() if part in reason)
        hint = "If the GPU has too little memory: --gpu-layers 0." if self.gpu_layers else ""
        hint = next(known, hint)
        return BackendFailed(f"The model {shown(path)} cannot be loaded: {reason.rstrip('.')}.",
                             hint)  # fmt: skip

    def _chat_template(self) -> ChatTemplate:
        import llama_cpp

        source = self.llm.metadata.get("tokenizer.chat_template")
        if not source:
            raise self.unusable("it has no chat template", self.path)
        try:
            return ChatTemplate(
                source,
                self._piece(self.llm.token_bos()),
                self._piece(self.llm.token_eos()),
                self._control_tokens(),
                adds_bos=bool(llama_cpp.llama_vocab_get_add_bos(self.vocab)),
            )
        except ValueError as exc:
            raise self.unusable(escaped(str(exc)), self.path) from exc

    def _control_tokens(self) -> list[str]:
        import llama_cpp

        vocab = self.vocab
        control = filter(
            lambda token: llama_cpp.llama_vocab_is_control(vocab, token),
            range(llama_cpp.llama_vocab_n_tokens(vocab)),
        )
        return [llama_cpp.llama_vocab_get_text(vocab, t).decode("utf-8", "replace")
                for t in control]  # fmt: skip

    def _piece(self, token: int) -> str:
        if token < 0:
            return ""
        return self._text_of([token], special=True)

    @property
    def vocab(self) -> Any:
        """llama.cpp's pointer to the vocabulary."""
        import llama_cpp

        return llama_cpp.llama_model_get_vocab(self.llm.model)

    def tokens_of(self, text: str, *, whole: bool = False) -> list[int]:
        """Return a text's tokens; a ``whole`` conversation begins with the model's own mark."""
        import llama_cpp

        raw = text.encode("utf-8", "replace")
        most = len(raw) + 2
        while True:
            # llama-cpp-python makes room for as many as the model was trained for: gigabytes.
            tokens = (llama_cpp.llama_token * most)()
            count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), tokens, most, whole, True)
            if count >= 0:
                return list(tokens[:count])
            most = -count

    def _text_of(self, tokens: Sequence[int], *, special: bool = False) -> str:
        """Return the text of tokens, the ``special`` ones as well.

        llama-cpp-python loses every token of more than 32 bytes: rules, runs of spaces.
        """
        import llama_cpp

        pieces: list[bytes] = []
        for token in tokens:
            most = _PIECE_BYTES
            while True:
                room = ctypes.create_string_buffer(most)
                count = llama_cpp.llama_token_to_piece(self.vocab, token, room, most, 0, special)
                if count >= 0:
                    break
                most = -count
            pieces.append(room.raw[:count])
        return b"".join(pieces).decode("utf-8", "replace")

    def forget(self) -> None:
        """Count on nothing in the cache: the next call evaluates all anew."""
        self._held = []

    def begin(self, tokens: Sequence[int]) -> int:
        """Evaluate the beginning of a conversation; return how many tokens the cache held.

        At least the last token is evaluated, for what follows it is asked next.
        Raises: RuntimeError, Stopped.
        """
        kept = self._rewound(_common(self._held, tokens[:-1]))
        self._held = list(tokens[:kept])
        self.evaluate(tokens[kept:])
        return kept

    def _rewound(self, kept: int) -> int:
        """Cut the cache down to ``kept`` tokens, or to none where a model cannot go back."""
        import llama_cpp

        memory = llama_cpp.llama_get_memory(self.llm.ctx)
        if not kept or not llama_cpp.llama_memory_seq_rm(memory, 0, kept, -1):
            kept = 0
            self.llm.reset()
            llama_cpp.llama_memory_clear(memory, True)
        self.llm.n_tokens = kept
        return kept

    def evaluate(self, tokens: Sequence[int]) -> None:
        """Evaluate text after all that was evaluated so far. Raises: RuntimeError, Stopped."""
        step = BATCH_TOKENS if self.gpu_layers else _CORE_BATCH_TOKENS
        for start in range(0, len(tokens), step):
            self.check_stopping()
            batch = list(tokens[start : start + step])
            known = self.llm.n_tokens == len(self._held)  # no picture in between
            self.llm.eval(batch)
            if known:
                self._held += batch

    def check_stopping(self) -> None:
        """Raises: Stopped when somebody asked for it."""
        if self.stopping.is_set():
            raise Stopped

    def generate(self, max_tokens: int, temperature: float, grammar: str | None) -> Generated:
        """Write the answer. Raises: ValueError for the grammar, NoTokenFits, RuntimeError,
        Stopped.
        """
        import llama_cpp

        vocab = self.vocab
        written: list[int] = []
        with contextlib.closing(Sampler(vocab, temperature, grammar)) as sampler:
            while True:
                token = sampler.next(self.llm.ctx)
                if llama_cpp.llama_vocab_is_eog(vocab, token):
                    return self.said(written, cut=False, plain=grammar is None)
                written.append(token)
                if len(written) >= max_tokens:
                    return self.said(written, cut=True, plain=grammar is None)
                self.evaluate([token])

    def said(self, written: list[int], *, cut: bool, plain: bool) -> Generated:
        """Return the answer in the tokens that the model wrote; thoughts only stand before plain
        text, for a grammar has no place for them.
        """
        text = self._text_of(written)
        if cut:
            text = text.rstrip("\ufffd")  # half a letter
        said = without_thoughts(text) if plain else text.strip()
        thought_tokens = 0
        if said != text.strip():
            thought_tokens = max(0, len(written) - len(self.tokens_of(said)))
        return Generated(said, len(written), thought_tokens, cut)


class _NativePath(str):
    """A path as llama-cpp-python wants it, which need not be UTF-8: it encodes it for C."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return super().encode(encoding, "surrogateescape")


@functools.cache
def llama_class() -> Any:
    """Return llama_cpp.Llama, kept from AMX instructions where it was built with them.

    On machines that have them, virtual ones above all, its AMX kernels crash the process at the
    first prompt of a quantised model. Source: llama.cpp issue 20824, and seen with 0.3.36.
    """
    import llama_cpp

    if b"AMX_INT8 = 1" not in llama_cpp.llama_print_system_info():
        return llama_cpp.Llama

    class WithoutAmx(llama_cpp.Llama):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "model_params":  # there is no argument for it
                value.use_extra_bufts = False
            super().__setattr__(name, value)

    return WithoutAmx


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two texts begin with together."""
    length = min(len(one), len(other))
    return next((i for i in range(length) if one[i] != other[i]), length)


def require_llama() -> None:
    """Raises: BackendMissing when llama-cpp-python is not there or does not load."""
    try:
        import llama_cpp
        from llama_cpp import mtmd_cpp

        # Older ones take other arguments for pictures, and would read them from the wrong places.
        found = hasattr(mtmd_cpp.mtmd_input_text, "text_len") and hasattr(llama_cpp, "Llama")
    except (ImportError, OSError, RuntimeError) as exc:
        reason = escaped(str(exc)).rstrip(".")
        raise BackendMissing(f"llama-cpp-python cannot be loaded: {reason}.", INSTALL_HINT) from exc
    if not found:
        raise BackendMissing("llama-cpp-python is too old for this.",
                             "Update it: pip install -U 'vidsum[local]'")  # fmt: skip
