"""TRL's GRPOTrainer with our judge as its reward function.

The model is a causal model of a few thousand parameters with random weights, and the problem is one that its vocabulary
of six tokens can solve, so that a minute on a laptop shows the reward rise. Put your own model, tokenizer and data set
in their place; the reward stays as it is. Run it with `python examples/trl_grpo.py`.
"""

from __future__ import annotations

import tempfile

from datasets import Dataset
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
from trl import GRPOConfig, GRPOTrainer

from coderl_env import Problem, ProblemSet, StdioCase
from coderl_env.adapters.trl import make_reward, prompt_rows

VOCABULARY = ("<pad>", "</s>", "<unk>", "print(", "input()", ")")
PROBLEMS = ProblemSet(
    "tutorial",
    "train",
    (Problem("tutorial/echo", "Print what you read.", (StdioCase("7\n", "7\n"), StdioCase("abc\n", "abc\n"))),),
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows the tokens of `VOCABULARY` and nothing else."""
    vocabulary = {token: number for number, token in enumerate(VOCABULARY)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"print\(|input\(\)|\)|[^()]+"), "isolated")
    backend.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", padding_side="left"
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Return a very small causal model with random weights."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config)


def train(steps: int = 20, seed: int = 0) -> list[float]:
    """Take so many optimisation steps and return the mean reward before each."""
    set_seed(seed)
    tokenizer = make_tokenizer()
    # The model does not chat: its completion is the program as it stands.
    reward = make_reward(dataset=PROBLEMS, reward="coderl", completion="raw")
    with tempfile.TemporaryDirectory() as folder:
        arguments = GRPOConfig(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=32,
            num_generations=32,
            max_completion_length=6,
            learning_rate=1e-2,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        trainer = GRPOTrainer(
            model=make_model(tokenizer),
            reward_funcs=reward,
            args=arguments,
            train_dataset=Dataset.from_list(prompt_rows(PROBLEMS)),
            processing_class=tokenizer,
        )
        trainer.train()
        reward.scorer.close()
        return [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]


if __name__ == "__main__":
    rewards = train()
    print(f"mean reward of the first step {rewards[0]:.2f}, of the last {rewards[-1]:.2f}")
