"""The texts of a tokenizer's tokens, sorted by what may be said of many at once.

Not here: what may be said (`coderl_env.wrappers.syntax_mask`).
"""

from __future__ import annotations

import keyword
import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from coderl_env.tokens import Tokenizer

__all__ = ["WORD", "Vocabulary", "is_special_word", "read_vocabulary"]

WORD = re.compile(r"( ?)([A-Za-z_][A-Za-z0-9_]*)")
_PROBE = "def f(a):\n    return a + 1  # one\n"
_STRING_PREFIXES = frozenset({"r", "b", "u", "f", "br", "rb", "fr", "rf"})
_KEYWORDS = (*keyword.kwlist, *keyword.softkwlist, "print")


def is_special_word(word: str) -> bool:
    """Whether `word` is more than any other name: it is or may become a keyword, or means something to the compiler."""
    return (
        word.startswith("__") or word.lower() in _STRING_PREFIXES or any(known.startswith(word) for known in _KEYWORDS)
    )


class Vocabulary:
    """The texts of tokens.

    Attributes:
        tokenizer: whose tokens they are.
        texts: the text of each token on its own; U+FFFD stands for parts of characters.
        names: by the blank in front ("" or " "), the tokens that are plain names: word and id.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        pieces = tokenizer.encode(_PROBE)
        if "".join(tokenizer.decode([piece]) for piece in pieces) != _PROBE:
            raise ValueError(
                "a syntax mask needs a tokenizer that spells a text piece by piece, as byte-level ones do; "
                f"{tokenizer.name} does not"
            )
        self.tokenizer = tokenizer
        self.texts = [tokenizer.decode([token]) for token in range(len(tokenizer))]
        self.names: dict[str, dict[str, int]] = {"": {}, " ": {}}
        for token, text in enumerate(self.texts):
            found = WORD.fullmatch(text)
            if found and not is_special_word(found[2]):
                self.names[found[1]][found[2]] = token
        self._without: dict[str, NDArray[np.bool_]] = {}

    def without(self, characters: str) -> NDArray[np.bool_]:
        """Return which tokens hold none of `characters`, and are text. (vocabulary,)"""
        if characters not in self._without:
            found = re.compile(f"[{re.escape(characters)}]").search
            self._without[characters] = np.array([bool(text) and not found(text) for text in self.texts])
        return self._without[characters]


def read_vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    """Return the vocabulary of a tokenizer; environments that share one share this too.

    Raises:
        ValueError: the tokenizer does not spell texts piece by piece.
    """
    return _read_once(tokenizer)  # type: ignore[arg-type] # objects hash by identity


_read_once = lru_cache(maxsize=8)(Vocabulary)
