"""Tokenizers: text to token ids and back, behind one small protocol.

Everything is read through the `tokenizers` library; transformers is never imported, though its tokenizer objects are
accepted. Text is only ever text: a program that contains `</s>` in a string keeps it as ordinary characters.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers

__all__ = ["BackendTokenizer", "ObjectTokenizer", "Tokenizer", "encode_at_most", "load_tokenizer"]

NANO = "nano"

# Where no configuration names the roles, the first of these that the vocabulary holds plays them.
_END_TOKENS = ("</s>", "<|endoftext|>", "<|im_end|>", "<eos>", "<|end_of_text|>", "<|eot_id|>", "[EOS]", "[SEP]")
_PAD_TOKENS = ("<pad>", "<|pad|>", "[PAD]")
_SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<unk>", "<mask>", "<|endoftext|>")
_ROLE_NAMES = ("bos_token", "eos_token", "unk_token", "pad_token", "mask_token", "cls_token", "sep_token")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")
_HUB_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
# The model's sentinels stand behind the 32,000 entries of CodeT5's vocabulary, the highest number first.
_CODET5_SENTINELS = tuple(f"<extra_id_{number}>" for number in range(99, -1, -1))


@runtime_checkable
class Tokenizer(Protocol):
    """What the library asks of a tokenizer. `len()` counts added tokens; every id is below it.

    Attributes:
        name: what it was loaded from.
        eos_id: id of the end token.
        pad_id: id that fills unused places, 0 where the tokenizer has no pad token.
        special_ids: ids that stand for no text, the end token included; they decode to nothing.
    """

    name: str
    eos_id: int
    pad_id: int
    special_ids: frozenset[int]

    def __len__(self) -> int: ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, without any special token; lone surrogates become U+FFFD."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of `token_ids`: no clean-up of spaces, U+FFFD for invalid UTF-8."""
        ...


def load_tokenizer(spec: object) -> Tokenizer:
    """Return the tokenizer that `spec` stands for.

    Args:
        spec: `"nano"` (shipped with the package); a folder with `tokenizer.json`, or with a byte-level BPE pair such as
            `vocab.json` and `merges.txt`; a name on the Hugging Face Hub; or a `tokenizers`, transformers or
            `coderl_env` tokenizer object.

    Raises:
        ValueError: nothing is found, it cannot be read, or it has no end token.
    """
    if isinstance(spec, Path):
        return _load_path(spec)
    if isinstance(spec, str):
        return _load_name(spec)
    if isinstance(spec, Tokenizer):
        return spec
    if isinstance(spec, Backend):
        return _wrap_backend(_copy(spec), "tokenizers object", {})
    if hasattr(spec, "all_special_ids") and hasattr(spec, "eos_token_id"):
        return _wrap_transformers(spec)
    raise ValueError(
        "a tokenizer must be 'nano', a folder, a Hub name or a tokenizer object, "
        f"not {type(spec).__name__} {repr(spec)[:60]}"
    )


def encode_at_most(tokenizer: Tokenizer, text: str, limit: int) -> tuple[list[int], bool]:
    """Return the first `limit` token ids of `text`, and whether there are more; quick for text of any length."""
    # Tokens are hardly ever longer than 32 characters, so a much longer text need not be encoded to its end.
    head = text[: (limit + 64) * 32]
    if len(head) < len(text):
        token_ids = tokenizer.encode(head)
        if len(token_ids) > limit + 64:
            return token_ids[:limit], True
    token_ids = tokenizer.encode(text)
    return token_ids[:limit], len(token_ids) > limit


class BackendTokenizer:
    """A tokenizer of the `tokenizers` library. Takes `backend` over: nobody else may use it afterwards."""

    def __init__(self, backend: Backend, name: str, eos_id: int, pad_id: int, special_ids: Iterable[int]) -> None:
        backend.no_padding()
        backend.no_truncation()
        # Otherwise a `</s>` inside a program's text would become the end token.
        backend.encode_special_tokens = True
        self._backend = backend
        vocabulary = backend.get_vocab(with_added_tokens=True).values()
        self._size: int = 1 + max(vocabulary)
        self.name = name
        self.eos_id = eos_id
        self.pad_id = pad_id
        # Ids that no token has (some vocabularies have holes) stand for no text either.
        self.special_ids = frozenset(special_ids) | {eos_id, pad_id} | (frozenset(range(self._size)) - set(vocabulary))

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"BackendTokenizer({self.name!r}, {self._size} tokens)"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._backend, self.name, self.eos_id, self.pad_id, self.special_ids)

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, without any special token; lone surrogates become U+FFFD."""
        token_ids: list[int] = self._backend.encode(_valid_unicode(text), add_special_tokens=False).ids
        return token_ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of `token_ids`: special tokens left out, no clean-up of spaces, U+FFFD for invalid UTF-8."""
        special = self.special_ids
        text: str = self._backend.decode([token for token in token_ids if token not in special], False)
        return text


class ObjectTokenizer:
    """A transformers tokenizer that is not built on the `tokenizers` library (SentencePiece and the like)."""

    def __init__(self, tokenizer: Any, name: str, eos_id: int, pad_id: int) -> None:
        self._tokenizer = tokenizer
        self._size: int = max(len(tokenizer), 1 + max(tokenizer.get_vocab().values()))
        self.name = name
        self.eos_id = eos_id
        self.pad_id = pad_id
        self.special_ids = frozenset(tokenizer.all_special_ids) | {eos_id, pad_id}

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"ObjectTokenizer({self.name!r}, {self._size} tokens)"

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, without any special token; lone surrogates become U+FFFD."""
        encoded = self._tokenizer.encode(_valid_unicode(text), add_special_tokens=False, split_special_tokens=True)
        return [int(token) for token in encoded]

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of `token_ids`: special tokens left out, no clean-up of spaces."""
        kept = [token for token in token_ids if token not in self.special_ids]
        return str(self._tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _valid_unicode(text: str) -> str:
    """Return `text` with U+FFFD for what UTF-8 cannot write."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _load_name(name: str) -> Tokenizer:
    if name == NANO:
        return _load_path(Path(str(resources.files("coderl_env") / "nano_tokenizer.json")), NANO)
    path = Path(name).expanduser()
    if name and path.exists():
        return _load_path(path)
    if _HUB_NAME.fullmatch(name):
        return _load_path(_fetch(name), name)
    raise ValueError(f"no tokenizer at {name!r}: there is no such folder or file")


def _fetch(name: str) -> Path:
    """Return the folder of the Hub repository `name`, with its tokenizer's files only."""
    remedy = (
        "give a folder that holds tokenizer.json, or vocab.json and merges.txt, "
        f"or run `hf download {name}` once where there is a network"
    )
    try:
        from huggingface_hub import snapshot_download  # heavy, and only needed here

        return Path(snapshot_download(name, allow_patterns=list(_HUB_FILES)))
    except Exception as error:  # network, cache and Hub fail in many ways, and all mean the same here
        near = "; did you mean 'nano'?" if difflib.get_close_matches(name, [NANO]) else ""
        raise ValueError(
            f"tokenizer {name!r} is no folder here, and the Hugging Face Hub did not answer with it "
            f"({type(error).__name__}); {remedy}{near}"
        ) from error


def _load_path(path: Path, name: str | None = None) -> Tokenizer:
    path = path.expanduser().absolute()
    if not path.exists():
        raise ValueError(f"no tokenizer at {str(path)!r}: there is no such folder or file")
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stamp = tuple((file.name, file.stat().st_mtime_ns) for file in files if file.suffix in {".json", ".txt"})
    return _load_files(path, name or str(path), stamp)


@lru_cache(maxsize=8)
def _load_files(path: Path, name: str, stamp: tuple[tuple[str, int], ...]) -> Tokenizer:
    """Read the tokenizer at `path`; `stamp` makes changed files a new entry of the cache."""
    if path.is_file():
        return _wrap_backend(_read(path), name, _read_roles(path.parent) if path.name == "tokenizer.json" else {})
    roles = _read_roles(path)
    if (path / "tokenizer.json").is_file():
        return _wrap_backend(_read(path / "tokenizer.json"), name, roles)
    vocabulary, merges = _find_pair(path)
    backend = _read_pair(vocabulary, merges)
    backend.add_special_tokens([token for token in _SPECIAL_TOKENS if backend.token_to_id(token) is not None])
    added = _read_object(path / "added_tokens.json")
    backend.add_special_tokens(sorted(added, key=lambda token: added[token]))
    backend.add_special_tokens([*_role_tokens(roles), *_token_list(roles.get("additional_special_tokens", []))])
    if vocabulary.name.startswith("codet5-"):
        backend.add_special_tokens(list(_CODET5_SENTINELS))
    return _wrap_backend(backend, name, roles)


def _read(path: Path) -> Backend:
    try:
        return Backend.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{str(path)!r} is no tokenizer file: {error}") from error


def _find_pair(folder: Path) -> tuple[Path, Path]:
    for vocabulary in sorted(folder.glob("*vocab.json")):
        merges = vocabulary.with_name(vocabulary.name.removesuffix("vocab.json") + "merges.txt")
        if merges.is_file():
            return vocabulary, merges
    raise ValueError(
        f"folder {str(folder)!r} holds no tokenizer: neither tokenizer.json nor vocab.json with merges.txt"
    )


def _read_pair(vocabulary: Path, merges: Path) -> Backend:
    try:
        backend = Backend(models.BPE.from_file(str(vocabulary), str(merges)))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{str(vocabulary)!r} and {merges.name!r} are no BPE vocabulary: {error}") from error
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend


def _read_roles(folder: Path) -> Mapping[str, Any]:
    """Return which token plays which role, from the configuration files that transformers writes."""
    return {
        **_read_object(folder / "special_tokens_map.json"),
        **{key: value for key, value in _read_object(folder / "tokenizer_config.json").items() if value is not None},
    }


def _read_object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{str(path)!r} must hold a JSON object, not {type(values).__name__}")
    return values


def _token_list(values: object) -> list[str]:
    """Return the texts of tokens that are written as strings or as objects with a `content`."""
    items = values if isinstance(values, list) else [values]
    texts = [item.get("content") if isinstance(item, dict) else item for item in items]
    return [text for text in texts if isinstance(text, str)]


def _role_tokens(roles: Mapping[str, Any]) -> list[str]:
    return [token for name in _ROLE_NAMES for token in _token_list(roles.get(name))]


def _wrap_backend(backend: Backend, name: str, roles: Mapping[str, Any]) -> BackendTokenizer:
    ends = (*_token_list(roles.get("eos_token")), *_END_TOKENS)
    eos_id = _first_id(backend, ends)
    if eos_id is None:
        raise ValueError(
            f"tokenizer {name!r} has no end token: its vocabulary holds none of {', '.join(dict.fromkeys(ends))}; "
            'name it in tokenizer_config.json as "eos_token"'
        )
    pad_id = _first_id(backend, (*_token_list(roles.get("pad_token")), *_PAD_TOKENS))
    special = {token_id for token_id, token in backend.get_added_tokens_decoder().items() if token.special}
    special |= {token_id for token in _role_tokens(roles) if (token_id := backend.token_to_id(token)) is not None}
    return BackendTokenizer(backend, name, eos_id, 0 if pad_id is None else pad_id, special)


def _first_id(backend: Backend, tokens: Iterable[str]) -> int | None:
    return next((token_id for token in tokens if (token_id := backend.token_to_id(token)) is not None), None)


def _copy(backend: Backend) -> Backend:
    return Backend.from_str(backend.to_str())


def _wrap_transformers(tokenizer: Any) -> Tokenizer:
    name = str(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__)
    if tokenizer.eos_token_id is None:
        raise ValueError(f"tokenizer {name!r} has no end token; set its eos_token")
    pad_id = 0 if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if isinstance(backend, Backend):
        return BackendTokenizer(_copy(backend), name, tokenizer.eos_token_id, pad_id, tokenizer.all_special_ids)
    return ObjectTokenizer(tokenizer, name, tokenizer.eos_token_id, pad_id)
