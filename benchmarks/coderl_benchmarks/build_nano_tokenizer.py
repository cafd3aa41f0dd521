"""Builds `coderl_env/nano_tokenizer.json`, the byte-level BPE that the package ships.

Run it with `python -m coderl_benchmarks.build_nano_tokenizer`; the same code gives the same file. The corpus is made
here: Synth's train split and the ordinary Python and English below, so that nothing has to be fetched. On a laptop the
length of a sequence is what costs time, so merges may cross blanks, first inside words, then between whole words; they
never cross the end of a line or of a clause. Every digit is a token of its own, so that a constant in a program is the
same token as in the statement.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from coderl_env.datasets.synth import LEVELS, SynthDataset

__all__ = ["NANO_TOKENIZER", "build", "main"]

NANO_TOKENIZER = Path(__file__).resolve().parents[2] / "coderl_env" / "nano_tokenizer.json"
SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<unk>")
VOCABULARY = 2000
WORD_VOCABULARY = 1000
LEAST_COUNT = 40
LONGEST_TOKEN = 24
PROBLEMS = 6000

# Ordinary lines, so that text from elsewhere is not spelt byte by byte.
_PYTHON = (
    """
import sys
import math
import heapq
from collections import Counter, defaultdict, deque
from itertools import accumulate, permutations
input = sys.stdin.readline
data = sys.stdin.read().split()
def solve():
def solve(n, k, s):
def main():
class Solution:
    def solve(self, nums: List[int]) -> int:
if __name__ == "__main__":
    main()
n, m = map(int, input().split())
a, b, c = map(int, input().split())
s = input().strip()
t = int(input())
for i in range(n):
    for j in range(i + 1, n):
for i in range(len(s)):
for i, c in enumerate(s):
for key, value in counts.items():
while left < right:
while True:
    break
    continue
    pass
if not s:
elif x == y:
else:
try:
except ValueError:
    raise ValueError(message)
with open(path) as file:
return None
    return True
    return False
        return result
result = []
result.append(x)
total = 0
total += x
count += 1
best = max(best, total)
answer = min(answer, x)
dp = [0] * (n + 1)
grid = [list(input()) for _ in range(n)]
seen = set()
seen.add(x)
counts = Counter(s)
graph = defaultdict(list)
queue = deque([start])
stack.pop()
print(answer)
print(result)
print("YES")
print("NO")
print('YES' if ok else 'NO')
print(' '.join(map(str, result)))
print(f"{total:.2f}")
lambda x: x[1]
x = x ** 2 + 1
assert x is not None and y is None or z in w
yield from items
global counter
"""
    * 4
)

_ENGLISH = (
    """
Given a string s of lowercase letters, find the length of the longest substring without repeating characters.
There is a grid with n rows and m columns. You can move up, down, left or right.
Your task is to write a function that returns the number of ways to do it.
It is guaranteed that the answer exists and fits into a 64-bit integer.
The first line contains two integers n and k. The next n lines contain the edges of the tree.
Print a single integer, the minimum number of operations, or -1 if it is impossible.
In the first example, the answer is the string which has all characters in alphabetical order.
If there are several answers, print any of them. Output YES or NO. Note that each of these may be used only once.
Write a program that reads words from the input and counts how many times every word occurs.
-----Constraints-----
-----Note-----
-----Sample Input-----
Use Call-Based format
"""
    * 4
)


def build(problems: int = PROBLEMS) -> str:
    """Return the tokenizer as JSON text, trained on this many Synth problems."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    texts = list(_corpus(problems))
    clauses = _pre_tokenizer()
    words = _pre_tokenizer(pre_tokenizers.Split(Regex(r" ?[A-Za-z_]+| ?[^\sA-Za-z0-9_]+|\s+"), "isolated"))
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = words
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORD_VOCABULARY,
        min_frequency=3,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=LONGEST_TOKEN,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    chunks = _chunks(tokenizer, texts, words, clauses)
    tokenizer.pre_tokenizer = clauses
    content = json.loads(tokenizer.to_str())
    vocabulary, merges = content["model"]["vocab"], content["model"]["merges"]
    for left, right in _phrase_merges(chunks, set(vocabulary), VOCABULARY - len(vocabulary)):
        merges.append([left, right])
        vocabulary[left + right] = len(vocabulary)
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _pre_tokenizer(*finest: Any) -> Any:
    """Return what cuts text at digits, line ends, clause ends and indentation, and then as `finest` does."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("[0-9]"), "isolated"),
            pre_tokenizers.Split(Regex(r"\n+"), "merged_with_previous"),
            pre_tokenizers.Split(Regex(r"[,.;:](?= )"), "merged_with_previous"),
            # Indentation stands alone, so that a line is the same tokens inside a loop and outside.
            pre_tokenizers.Split(Regex(r"^ {2,}(?=\S)"), "isolated"),
            *finest,
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _chunks(tokenizer: Tokenizer, texts: list[str], words: Any, clauses: Any) -> Counter[tuple[str, ...]]:
    """Return how often each run of whole words occurs within a clause, as the tokens of its words.

    A word of several tokens ends a run, so that no phrase begins or ends inside a word.
    """
    runs: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        pieces = iter(words.pre_tokenize_str(text))
        for clause, _ in clauses.pre_tokenize_str(text):
            run: list[str] = []
            length = 0
            while length < len(clause):
                word = next(pieces)[0]
                length += len(word)
                tokens = tokenizer.model.tokenize(word)
                if len(tokens) == 1:
                    run.append(word)
                    continue
                runs[tuple(run)] += 1
                run = []
            runs[tuple(run)] += 1
    return Counter({run: count for run, count in runs.items() if len(run) > 1})


def _phrase_merges(chunks: Counter[tuple[str, ...]], known: set[str], count: int) -> Iterator[tuple[str, str]]:
    """Yield up to `count` merges of neighbouring tokens, the most frequent pair first (byte-pair encoding)."""
    runs = [list(run) for run in chunks]
    weights = list(chunks.values())
    totals: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, str], set[int]] = defaultdict(set)
    for place, run in enumerate(runs):
        for pair in pairwise(run):
            totals[pair] += weights[place]
            places[pair].add(place)
    found = 0
    while found < count:
        fitting = [pair for pair in totals if len(pair[0]) + len(pair[1]) <= LONGEST_TOKEN]
        best = max(fitting, key=lambda pair: (totals[pair], pair), default=None)
        if best is None or totals[best] < LEAST_COUNT:
            return
        for place in sorted(places[best]):
            run, weight = runs[place], weights[place]
            for pair in pairwise(run):
                totals[pair] -= weight
                places[pair].discard(place)
            runs[place] = run = _merged(run, best)
            for pair in pairwise(run):
                totals[pair] += weight
                places[pair].add(place)
        del totals[best]
        if best[0] + best[1] not in known:
            known.add(best[0] + best[1])
            found += 1
            yield best


def _merged(run: list[str], pair: tuple[str, str]) -> list[str]:
    result: list[str] = []
    place = 0
    while place < len(run):
        if tuple(run[place : place + 2]) == pair:
            result.append(pair[0] + pair[1])
            place += 2
        else:
            result.append(run[place])
            place += 1
    return result


def _corpus(problems: int) -> Iterator[str]:
    yield _PYTHON
    yield _ENGLISH
    dataset = SynthDataset("train")
    for index in range(problems):
        problem = dataset.get(f"synth/train/{LEVELS[index % len(LEVELS)]}/{index}")
        # The prompt's own layout; every program follows a statement, so both weigh the same.
        yield f"\nQUESTION:\n{problem.statement}\n{problem.starter_code}\nUse Standard Input format\nANSWER:\n"
        yield from problem.solutions


def main(argv: list[str] | None = None) -> int:
    """Write the tokenizer file; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the nano tokenizer.")
    parser.add_argument("--out", type=Path, default=NANO_TOKENIZER, help="file to write (default: the package's own)")
    parser.add_argument("--problems", type=int, default=PROBLEMS, help=f"Synth problems to train on ({PROBLEMS})")
    arguments = parser.parse_args(argv)
    text = build(arguments.problems)
    partial = arguments.out.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
