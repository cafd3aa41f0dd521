"""The models: built fresh at a named size, or read from a checkpoint; and checkpoints written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import T5Config, T5ForConditionalGeneration
from transformers.utils import logging as transformers_logging

from coderl_env.naming import unknown_name
from coderl_env.tokens import Tokenizer

__all__ = [
    "FRESH",
    "FRESH_PREFIX",
    "build_model",
    "check_architecture",
    "load_model",
    "model_kind",
    "no_bars",
    "save_model",
    "save_state",
    "shipped_folder",
]

FRESH_PREFIX = "fresh:"
NANO = "nano"

# Sizes of models that can be made with random weights. CodeT5's are those of the published checkpoints.
FRESH: dict[str, dict[str, Any]] = {
    "nano": {"d_model": 128, "d_kv": 32, "num_heads": 4, "d_ff": 512, "num_layers": 2, "dropout_rate": 0.0},
    "codet5-small": {"d_model": 512, "d_kv": 64, "num_heads": 8, "d_ff": 2048, "num_layers": 6},
    "codet5-base": {"d_model": 768, "d_kv": 64, "num_heads": 12, "d_ff": 3072, "num_layers": 12},
    "codet5-large": {"d_model": 1024, "d_kv": 64, "num_heads": 16, "d_ff": 4096, "num_layers": 24},
}

_SHORT = {size: f"{FRESH_PREFIX}codet5-{size}" for size in ("small", "base", "large")}

_CARD = "coderl_agent.json"
_ARCHITECTURE = ("d_model", "d_kv", "num_heads", "d_ff", "num_layers", "num_decoder_layers", "feed_forward_proj")


def build_model(name: str, tokenizer: Tokenizer, seed: int) -> T5ForConditionalGeneration:
    """Return the model that `name` names, in float32 and ready to train.

    Args:
        name: `nano`: the checkpoint that ships with the package, or random weights where none does; `fresh:nano`,
            `fresh:codet5-small` and the like for random weights at that size (`small`, `base` and `large` are short
            for those of CodeT5); otherwise a folder or Hub name.
        tokenizer: decides the vocabulary of a fresh model, and must fit into that of a checkpoint.
        seed: seed of random weights.

    Raises:
        ValueError: the name means nothing, or the checkpoint is of another architecture or vocabulary.
    """
    if name == NANO:
        shipped = shipped_folder()
        return _fresh(FRESH[NANO], tokenizer, seed) if shipped is None else load_model(shipped, tokenizer)
    name = _SHORT.get(name, name)
    if name.startswith(FRESH_PREFIX):
        size = name.removeprefix(FRESH_PREFIX)
        if size not in FRESH:
            raise ValueError(unknown_name("fresh model", size, FRESH))
        return _fresh(FRESH[size], tokenizer, seed)
    return load_model(name, tokenizer)


def model_kind(name: str) -> str:
    """Return which rates suit the model `name`: a key of `coderl_agents.codet5.settings.RATES`."""
    if name == NANO:
        return "fresh" if shipped_folder() is None else "nano"
    return "fresh" if _SHORT.get(name, name) == f"{FRESH_PREFIX}{NANO}" else "published"


def shipped_folder() -> Path | None:
    """Return the folder of the nano checkpoint that ships with the package, or None where there is none."""
    folder = Path(__file__).with_name(NANO)
    return folder if (folder / "config.json").is_file() else None


def load_model(name: str | Path, tokenizer: Tokenizer) -> T5ForConditionalGeneration:
    """Return the model of a checkpoint folder or Hub name.

    Raises:
        ValueError: there is none, it is no T5-family model, or its vocabulary is smaller than the tokenizer's.
    """
    try:
        config, unused = T5Config.get_config_dict(str(name))
    except OSError as error:
        raise ValueError(f"no model at {str(name)!r}: {_first_line(error)}") from error
    del unused
    kind = config.get("model_type")
    if kind != "t5":
        raise ValueError(
            f"the checkpoint {str(name)!r} is a {kind or 'nameless'} model, and this agent needs a T5-family "
            "encoder-decoder such as Salesforce/codet5-small"
        )
    size = config.get("vocab_size", 0)
    if size < len(tokenizer):
        raise ValueError(
            f"the checkpoint {str(name)!r} has a vocabulary of {size}, and the tokenizer {tokenizer.name!r} has "
            f"{len(tokenizer)} tokens; use the tokenizer that the checkpoint was trained with"
        )
    try:
        with no_bars():
            model = T5ForConditionalGeneration.from_pretrained(str(name), dtype=torch.float32)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"the checkpoint {str(name)!r} does not hold the weights of its own configuration: {_first_line(error)}"
        ) from error
    return model


def check_architecture(found: T5Config, wanted: T5Config, name: str) -> None:
    """Check that a checkpoint's model has the size that was asked for.

    Raises:
        ValueError: it has another.
    """
    differing = [key for key in _ARCHITECTURE if getattr(found, key) != getattr(wanted, key)]
    if differing:
        told = ", ".join(f"{key} is {getattr(found, key)} and not {getattr(wanted, key)}" for key in differing)
        raise ValueError(f"the checkpoint {name!r} is of another architecture: {told}; name its own model, or none")


def save_model(
    model: T5ForConditionalGeneration,
    folder: Path,
    card: Mapping[str, Any],
    states: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write the model and `card` to `folder`, replacing what is there, whole or not at all.

    Args:
        model: the model.
        folder: the checkpoint's folder.
        card: what is known of it.
        states: further files by name, with what `torch.save` writes there.

    Raises:
        OSError: it cannot be written; the old folder is still there.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with no_bars():
            model.save_pretrained(fresh)
        for name, state in (states or {}).items():
            torch.save(dict(state), fresh / name)
        (fresh / _CARD).write_text(json.dumps(dict(card), indent=2) + "\n", encoding="utf-8")
        # Temporary folders, and what safetensors writes, are for their owner alone.
        fresh.chmod(0o755)
        for file in fresh.iterdir():
            file.chmod(0o644)
        if folder.exists():
            old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.old."))
            folder.replace(old / folder.name)
            fresh.replace(folder)
            shutil.rmtree(old)
        else:
            fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write `state` with `torch.save` to `path`, whole or not at all.

    Raises:
        OSError: it cannot be written; the old file is still there.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            torch.save(dict(state), file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def no_bars() -> Iterator[None]:
    """Keep transformers from drawing progress bars into ours."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _fresh(size: Mapping[str, Any], tokenizer: Tokenizer, seed: int) -> T5ForConditionalGeneration:
    config = T5Config(
        # A multiple of eight, which matrix products like; the surplus is never played.
        vocab_size=-(-len(tokenizer) // 8) * 8,
        pad_token_id=tokenizer.pad_id,
        eos_token_id=tokenizer.eos_id,
        decoder_start_token_id=tokenizer.pad_id,
        **size,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return T5ForConditionalGeneration(config)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
