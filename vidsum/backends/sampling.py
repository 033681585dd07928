"""Choosing the next token."""

from __future__ import annotations

import contextlib
import ctypes
import math
from typing import Any

_TOP_K, _TOP_P, _MIN_P = 40, 0.95, 0.05
_SEED = 1


class NoTokenFits(Exception):
    """The grammar allows none of the model's tokens here."""


class Sampler:
    """Chooses tokens from a llama.cpp context, the likeliest at temperature 0.

    ``vocab`` and the ``context`` given later are llama.cpp's pointers. With a grammar the choice
    is made first and then held against it; only where it does not fit are all tokens: trying
    each of 150,000 on every step would take longer than the model. The seed is fixed.
    Raises: ValueError for a grammar that llama.cpp does not take.
    """

    def __init__(self, vocab: Any, temperature: float, grammar: str | None = None) -> None:
        import llama_cpp

        self._stack = contextlib.ExitStack()
        self._vocab = vocab
        self._chain = llama_cpp.llama_sampler_chain_init(
            llama_cpp.llama_sampler_chain_default_params()
        )
        self._stack.callback(llama_cpp.llama_sampler_free, self._chain)
        for part in _parts(temperature):
            llama_cpp.llama_sampler_chain_add(self._chain, part)
        self._grammar: Any = None
        if grammar is not None:
            self._grammar = llama_cpp.llama_sampler_init_grammar(vocab, grammar.encode(), b"root")
            if not self._grammar:
                self.close()
                raise ValueError("the grammar cannot be read")
            self._stack.callback(llama_cpp.llama_sampler_free, self._grammar)

    def next(self, context: Any) -> int:
        """Return the next token after the last one evaluated. Raises: NoTokenFits."""
        import llama_cpp

        token = int(llama_cpp.llama_sampler_sample(self._chain, context, -1))
        if self._grammar is not None:
            if not self._fits(token):
                token = self._best_that_fits(context)
            llama_cpp.llama_sampler_accept(self._grammar, token)
        return token

    def close(self) -> None:
        """Let go of the native samplers; may be called twice."""
        self._stack.close()

    def _fits(self, token: int) -> bool:
        import llama_cpp

        one = (llama_cpp.llama_token_data * 1)(llama_cpp.llama_token_data(token, 1.0, 0.0))
        choice = llama_cpp.llama_token_data_array(one, 1, -1, False)
        llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(choice))
        return not math.isinf(one[0].logit)

    def _best_that_fits(self, context: Any) -> int:
        import llama_cpp
        import numpy as np

        count = llama_cpp.llama_vocab_n_tokens(self._vocab)
        table = np.zeros(count, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        table["id"] = np.arange(count)
        table["logit"] = np.ctypeslib.as_array(
            llama_cpp.llama_get_logits_ith(context, -1), shape=(count,)
        )
        data = table.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
        choices = llama_cpp.llama_token_data_array(data, count, -1, False)
        llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(choices))
        # To go on with a token that does not fit would end the process.
        if not np.isfinite(table["logit"]).any():
            raise NoTokenFits
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(choices))
        return int(choices.data[choices.selected].id)


def _parts(temperature: float) -> list[Any]:
    import llama_cpp

    if temperature <= 0:
        return [llama_cpp.llama_sampler_init_greedy()]
    return [
        llama_cpp.llama_sampler_init_top_k(_TOP_K),
        llama_cpp.llama_sampler_init_top_p(_TOP_P, 1),
        llama_cpp.llama_sampler_init_min_p(_MIN_P, 1),
        llama_cpp.llama_sampler_init_temp(temperature),
        llama_cpp.llama_sampler_init_dist(_SEED),
    ]
