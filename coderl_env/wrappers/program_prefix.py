"""A program so far, as tokens, and which tokens may follow so that it can still become valid Python.

What may follow is asked of `coderl_env.env.completion`, and of that as little as can be: what holds for one new name
holds for all, and a plain character in a string changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from coderl_env.env.completion import Beginning, is_valid
from coderl_env.starter import program_text
from coderl_env.wrappers.vocabulary import WORD, Vocabulary, is_special_word

__all__ = ["ProgramPrefix"]

_NUMBER = re.compile(r"( ?)[1-9][0-9]*")
_NAME = re.compile(r"[^\W\d]\w*")
_FIRST_WORD = re.compile(r"\A\w+")
# A name that is followed by something else, but for the quotes of a string.
_LEADING_WORD = re.compile(r" ?[A-Za-z_][A-Za-z0-9_]*(?=[^\w'\"])")
_PART_OF_CHARACTER = "\ufffd"
# No number goes on with one of these, and no keyword begins so.
_NEVER_BEHIND_DIGITS = frozenset("ghklmpqrstuvwyzGHIKLMNPQRSTUVWYZ")


@dataclass(frozen=True, slots=True)
class _End:
    """An end that fits into the window: its text, and its tokens where only that spelling is known to fit."""

    text: str
    token_ids: tuple[int, ...] | None = None


class ProgramPrefix:
    """A program so far, and what may follow it.

    Args:
        vocabulary: the tokens.
        places: size of the window, in tokens.
        starter_code: the text that the program begins with.
        starter_ids: its tokens.
    """

    def __init__(self, vocabulary: Vocabulary, places: int, starter_code: str, starter_ids: list[int]) -> None:
        self.token_ids = starter_ids
        self._vocabulary = vocabulary
        self._starter = (starter_code, starter_ids)
        self._settle(places - len(starter_ids) - 1, self._decode(starter_ids), None)

    def _settle(self, room: int, beginning: Beginning, end: _End | None) -> None:
        self._room = room  # places left after one more token
        self._beginning = beginning
        # None where no end is known: the program is lost, and everything goes.
        self._end = self._complete(beginning, "", room + 1) if end is None else end
        self._ends: dict[int, _End | None] = {}
        self._alike: dict[str, tuple[str, _End | None]] = {}
        self._words: dict[str, bool] = {}

    def then(self, token: int) -> ProgramPrefix:
        """Return the program with one more token, which may be any."""
        end = self._end_after(token)
        text = self._vocabulary.texts[token]
        longer = object.__new__(ProgramPrefix)
        longer.token_ids = [*self.token_ids, token]
        longer._vocabulary, longer._starter = self._vocabulary, self._starter
        if end is None or self._is_part_of_character(text):
            beginning = longer._decode(longer.token_ids)
        else:
            beginning = self._beginning.then(text)
        longer._settle(self._room - 1, beginning, end)
        return longer

    def allows(self, token: int) -> bool:
        """Whether `token` may follow."""
        return self._end is None or self._end_after(token) is not None

    def known_end(self, token: int) -> str | None:
        """Return a text that ends the program behind `token`, or None where none is known."""
        end = self._end_after(token)
        return None if end is None else end.text

    def mask(self, playable: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of the `playable` tokens may follow. (vocabulary,)"""
        if self._end is None:
            return playable.copy()
        mask = np.zeros_like(playable)
        left = playable.copy()
        if self._plain is not None:
            mask |= playable & self._plain
            left &= ~mask
        elif self._beginning.in_code:
            for blank in self._vocabulary.names:
                self._decide_names(blank, playable, mask, left)
        for token in np.flatnonzero(left).tolist():
            mask[token] = self._end_after(token) is not None
        return mask

    def _decide_names(
        self, blank: str, playable: NDArray[np.bool_], mask: NDArray[np.bool_], left: NDArray[np.bool_]
    ) -> None:
        """Decide about all new names at once, as far as they are alike: set their `mask`, and clear `left`."""
        before = "" if blank else self._beginning.last_word
        if before and (before[0].isdigit() or not before.isascii() or is_special_word(before)):
            return
        words = self._vocabulary.names[blank]
        taken = {name[len(before) :] for name in self._beginning.names if name.startswith(before)}
        first = next((word for word in words if word not in taken), None)
        if first is None:
            return
        end = self._end_after(words[first])
        if end is not None:
            if not _is_shared(end, before + first):
                return
            taken |= {name[len(before) :] for name in _NAME.findall(end.text) if name.startswith(before)}
        others = [words[word] for word in taken if word in words]
        alike = np.zeros_like(playable)
        alike[list(words.values())] = True
        alike[others] = False
        alike &= playable
        mask[alike] = end is not None
        left[alike] = False

    def _end_after(self, token: int) -> _End | None:
        """Return an end behind `token` that makes the program valid and fits, or None where none is known."""
        if token not in self._ends:
            self._ends[token] = self._find_end(token)
        return self._ends[token]

    def _find_end(self, token: int) -> _End | None:
        if token == self._vocabulary.tokenizer.eos_id:
            return _End("") if is_valid(self._beginning.text) else None
        text, known = self._vocabulary.texts[token], self._end
        if not text or known is None:
            return None
        if known.text.startswith(text):
            rest = known.text[len(text) :]
            if known.token_ids is not None and known.token_ids[0] == token:
                return _End(rest, known.token_ids[1:])
            if (end := self._fit(rest, self._room)) is not None:
                return end
        if self._plain is not None and self._plain[token]:
            return self._fit(known.text, self._room)
        kind, whole = self._kind(text)
        if kind in self._alike:
            first, end = self._alike[kind]
            if end is None or (whole and kind != "behind digits" and _is_shared(end, first) and _is_shared(end, whole)):
                return end
        if not self._may_begin(text):
            return None
        end = self._search(kind, text, token)
        if kind:
            self._alike.setdefault(kind, (whole, end))
        return end

    def _may_begin(self, text: str) -> bool:
        """Whether the word that a longer token begins with may follow; so many tokens of prose are out at once."""
        found = _LEADING_WORD.match(text)
        if not found or not self._beginning.in_code:
            return True
        word = found[0]
        if word not in self._words:
            self._words[word] = self._beginning.complete(f"{word} ") is not None
        return self._words[word]

    def _search(self, kind: str, text: str, token: int) -> _End | None:
        if self._is_part_of_character(text):
            # Only all the bytes together say what it is.
            return self._complete(self._decode([*self.token_ids, token]), "", self._room)
        # In the last place, everything is compiled once more.
        beginning = self._beginning if self._room else Beginning(self._beginning.text)
        return self._complete(beginning, text, self._room)

    def _complete(self, beginning: Beginning, more: str, room: int) -> _End | None:
        guess = self._end.text if more and self._end is not None else None
        if guess is not None and more[-1:].isalnum():
            guess = _FIRST_WORD.sub("", guess)
        end = beginning.complete(more, guess, lambda end: self._fit(end, room) is not None)
        return None if end is None else self._fit(end, room)

    def _fit(self, text: str, room: int) -> _End | None:
        """Return an end as one that fits into `room` places, or None where it does not."""
        if len(text.encode()) <= room:
            return _End(text)  # no token is shorter than a byte
        token_ids = tuple(self._vocabulary.tokenizer.encode(text))
        return _End(text, token_ids) if len(token_ids) <= room else None

    def _decode(self, token_ids: list[int]) -> Beginning:
        starter_code, starter_ids = self._starter
        played = token_ids[len(starter_ids) :]
        return Beginning(program_text(self._vocabulary.tokenizer, starter_code, starter_ids, played))

    def _is_part_of_character(self, text: str) -> bool:
        return _PART_OF_CHARACTER in text or self._beginning.text.endswith(_PART_OF_CHARACTER)

    @cached_property
    def _plain(self) -> NDArray[np.bool_] | None:
        """Which tokens change nothing, because they are plain text in a string or a comment. (vocabulary,)"""
        if self._end is None or self._fit(self._end.text, self._room) is None:
            return None
        forbidden = self._beginning.forbidden_characters(self._end.text)
        return None if forbidden is None else self._vocabulary.without(forbidden)

    def _kind(self, text: str) -> tuple[str, str]:
        """Return a name for all tokens that have the same ends here, and the word that the token makes.

        Both are empty for one that stands for itself: new names are alike, and so are new numbers.
        """
        if text == _PART_OF_CHARACTER and self._beginning.in_code and not self._beginning.text.endswith(text):
            return "byte", ""
        number, word = _NUMBER.fullmatch(text), WORD.fullmatch(text)
        found = number or word
        if not found or not self._beginning.in_code:
            return "", ""
        before = "" if found[1] else self._beginning.last_word
        whole = before + text.lstrip(" ")
        if word and before[:1].isdigit():
            return ("behind digits", whole) if word[2][0] in _NEVER_BEHIND_DIGITS else ("", "")
        if number and not before:
            # In a pattern, a key must not come twice.
            return ("", "") if "case" in self._beginning.names else (f"number{found[1]}", whole)
        if before[:1].isdigit() or not whole.isascii() or is_special_word(whole) or whole in self._beginning.names:
            return "", ""
        return f"name{found[1]}", whole


def _is_shared(end: _End, word: str) -> bool:
    """Whether an end does not depend on the word that comes before it."""
    text = end.text
    return not (text[:1].isalnum() or text[:1] in ("_", ".", "'", '"')) and word not in _NAME.findall(text)
