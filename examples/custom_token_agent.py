"""A custom token agent in 30 lines: a chain of tokens, begun from four programs, that learns which links pay.

In this folder: coderl train --agent custom_token_agent:make --steps 40
"""

import numpy as np

BEGIN = "n = int(input())\na = list(map(int, input().split()))\nprint("
PROGRAMS = [f"{BEGIN}{what})" for what in ("n", "len(a)", "sum(a)", "max(a) - min(a)")]


class Chain:
    action_modes = ("token",)

    def __init__(self, spec, rate):
        tokenizer, self.rate = spec.tokenizer, rate
        self.scores = np.full((len(tokenizer), len(tokenizer)), -np.inf)  # of each token after each token
        self.scores[:, tokenizer.eos_id] = -9.0  # from anywhere a program may end, if need be
        for tokens in ([*tokenizer.encode(program), tokenizer.eos_id] for program in PROGRAMS):
            self.scores[[0, *tokens[:-1]], tokens] = 0.0
        if spec.checkpoint is not None:
            self.scores = np.load(spec.checkpoint / "scores.npy")

    def begin(self, tasks, sampling):
        self.temperature, self.random = sampling.temperature, np.random.default_rng(sampling.seed)

    def act(self, observations, infos):
        return [self.choose(seen["program"][: int(seen["program_length"][0])]) for seen in observations]

    def choose(self, program):
        scores = self.scores[program[-1] if len(program) else 0]
        return int(np.argmax(scores + self.temperature * self.random.gumbel(size=len(scores))))

    def learn(self, episodes):
        mean = float(np.mean([episode.reward for episode in episodes])) if episodes else 0.0
        for episode in episodes:
            links = ([0, *episode.token_ids[:-1]], list(episode.token_ids))
            np.add.at(self.scores, links, self.rate * (episode.reward - mean) / len(episodes))
        return {"mean_reward": mean}

    def save(self, path):
        path.mkdir(parents=True, exist_ok=True)
        np.save(path / "scores.npy", self.scores)


def make(spec, rate=0.3):
    return Chain(spec, rate)
