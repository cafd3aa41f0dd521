"""The prompt: the text an agent reads of a problem, and its token ids. The one place where either is made.

The layout is the one of CodeRL's generation script: the question, the starter code if there is any, the answer's
format, and `ANSWER:`. Deviations, with the reason:

1. A prompt that is too long loses the end of its question. CodeRL cut the end of the prompt, and with it the starter
   code, the format and `ANSWER:`.
2. Starter code that the question already contains (HumanEval) is not repeated.
3. The repair prompt, which the paper leaves open, is the same prompt with the earlier program and what became of it
   between the question and its format.
"""

from __future__ import annotations

from dataclasses import dataclass

from coderl_env.agent import Task
from coderl_env.problem import Problem
from coderl_env.tokens import Tokenizer, encode_at_most

__all__ = [
    "EncodedPrompt",
    "build_prompt",
    "build_repair_prompt",
    "check_prompt_room",
    "encode_prompt",
    "encode_repair_prompt",
]


_HEADING = "\nQUESTION:\n"


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as token ids.

    Attributes:
        token_ids: at most as many as asked for.
        text: the whole prompt, even where `token_ids` are those of a shortened question.
        truncated: whether the question was shortened.
    """

    token_ids: tuple[int, ...]
    text: str
    truncated: bool


def build_prompt(problem: Problem) -> str:
    """Return the prompt of `problem`.

    >>> build_prompt(Problem("p", "Print the sum of two integers.", ()))
    '\\nQUESTION:\\nPrint the sum of two integers.\\nUse Standard Input format\\nANSWER:\\n'
    """
    shown = "" if problem.starter_code.strip() in problem.statement else problem.starter_code
    return f"{_HEADING}{problem.statement}{_ending(shown, problem.entry_point)}"


def encode_prompt(problem: Problem | Task, tokenizer: Tokenizer, max_prompt_tokens: int) -> EncodedPrompt:
    """Return the prompt of `problem` in at most `max_prompt_tokens` tokens.

    Where it is too long, tokens are taken from the end of the question; all that follows the question stays.

    Raises:
        ValueError: what follows the question leaves no room for even one token of it.
    """
    text = _text_of(problem)
    token_ids, truncated = encode_at_most(tokenizer, text, max_prompt_tokens)
    if truncated:
        head, ending_ids = _encode_ending(text, problem, tokenizer, max_prompt_tokens)
        token_ids = encode_at_most(tokenizer, head, max_prompt_tokens - len(ending_ids))[0] + ending_ids
    return EncodedPrompt(tuple(token_ids), text, truncated)


def build_repair_prompt(problem: Problem | Task, program: str, feedback: str) -> str:
    """Return the prompt of another attempt at `problem`, after `program`, of which `feedback` is known.

    >>> build_repair_prompt(Problem("p", "Print 1.", ()), "print(2)", "It prints 2.")
    '\\nQUESTION:\\nPrint 1.\\nPROGRAM:\\nprint(2)\\nRESULT:\\nIt prints 2.\\nUse Standard Input format\\nANSWER:\\n'
    """
    head, ending = _split(_text_of(problem), problem.starter_code, problem.entry_point)
    return "".join((head, *_notes(program, feedback), ending))


def encode_repair_prompt(
    problem: Problem | Task, program: str, feedback: str, tokenizer: Tokenizer, max_prompt_tokens: int
) -> EncodedPrompt:
    """Return the prompt of another attempt in at most `max_prompt_tokens` tokens.

    Where it is too long, the program keeps half and the feedback a quarter of the room that the prompt's ending leaves;
    of each, and of the question, the end is cut.

    Raises:
        ValueError: what follows the question leaves no room for even one token of it.
    """
    text = build_repair_prompt(problem, program, feedback)
    token_ids, truncated = encode_at_most(tokenizer, text, max_prompt_tokens)
    if truncated:
        head, ending_ids = _encode_ending(_text_of(problem), problem, tokenizer, max_prompt_tokens)
        room = max_prompt_tokens - len(ending_ids)
        program_note, feedback_note = _notes(program, feedback)
        program_ids = encode_at_most(tokenizer, program_note, room // 2)[0]
        feedback_ids = encode_at_most(tokenizer, feedback_note, room // 4)[0]
        head_ids = encode_at_most(tokenizer, head, room - len(program_ids) - len(feedback_ids))[0]
        token_ids = [*head_ids, *program_ids, *feedback_ids, *ending_ids]
    return EncodedPrompt(tuple(token_ids), text, truncated)


def check_prompt_room(problem: Problem, tokenizer: Tokenizer, max_prompt_tokens: int) -> None:
    """Raise the ValueError of `encode_prompt` where the window is too small for any question."""
    _encode_ending(build_prompt(problem), problem, tokenizer, max_prompt_tokens)


def _encode_ending(
    text: str, problem: Problem | Task, tokenizer: Tokenizer, max_prompt_tokens: int
) -> tuple[str, list[int]]:
    """Return the part of a prompt that may be shortened, and the tokens of the part that may not."""
    head, ending = _split(text, problem.starter_code, problem.entry_point)
    ending_ids = tokenizer.encode(ending)
    if len(ending_ids) >= max_prompt_tokens:
        raise ValueError(
            f"the prompt of problem {problem.id!r} does not fit: what follows the question takes {len(ending_ids)} "
            f"tokens, and max_prompt_tokens is {max_prompt_tokens}; raise it to at least {len(ending_ids) + 1}"
        )
    return head, ending_ids


def _text_of(problem: Problem | Task) -> str:
    return problem.prompt if isinstance(problem, Task) else build_prompt(problem)


def _notes(program: str, feedback: str) -> tuple[str, str]:
    return f"\nPROGRAM:\n{program.rstrip()}", f"\nRESULT:\n{feedback}"


def _ending(starter_code: str, entry_point: str | None) -> str:
    answer_format = "Use Standard Input format" if entry_point is None else "Use Call-Based format"
    starter = f"\n{starter_code}" if starter_code else ""
    return f"{starter}\n{answer_format}\nANSWER:\n"


def _split(text: str, starter_code: str, entry_point: str | None) -> tuple[str, str]:
    """Return the part of a prompt that may be shortened, and the part that may not."""
    for ending in (_ending(starter_code, entry_point), _ending("", entry_point)):
        # Starter code that is the whole question belongs to the question, or nothing could be shortened.
        if text.endswith(ending) and len(text) - len(ending) > len(_HEADING):
            return text[: -len(ending)], ending
    return text, ""
