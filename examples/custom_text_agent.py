"""A custom text agent in 30 lines: it puts programs together from parts, and learns which words ask for which part.

In this folder: coderl train --agent custom_text_agent:make --steps 40 --set action_mode=program
To learn faster, from programs that pass some tests: --set reward=pass_fraction
"""

import json
import random
import re

LISTS = ["-x for x in a", "abs(x) for x in a", "x % {k} for x in a", "x * {k} for x in a", "min(x, {k}) for x in a"]
LISTS += ["x for x in a if x < {k}", "x for x in a if x > {k}", "x for x in a if x % {k} == 0"]
RESULTS = ["len(a)", "sum(a)", "max(a)", "min(a)", "max(a) - min(a)", "a[-1]"]
PROGRAM = "n = int(input())\na = list(map(int, input().split()))\na = [{list}]\nprint({result} if a else 0)\n"


class Keywords:
    action_modes = ("program",)

    def __init__(self, spec, curiosity):
        self.curiosity, self.votes = curiosity, {}
        if spec.checkpoint is not None:
            self.votes = json.loads((spec.checkpoint / "votes.json").read_text())

    def begin(self, tasks, sampling):
        self.random, self.explore = random.Random(sampling.seed), self.curiosity * sampling.temperature
        self.tasks, self.keys = {task.id: task for task in tasks}, {}

    def act(self, observations, infos):
        return [self.write(self.tasks[info["problem_id"]]) for info in infos]

    def write(self, task):
        words = task.prompt.partition("-----")[0].lower().split()
        parts = [self.choose(words, options) for options in (LISTS, RESULTS)]
        number = next(iter(re.findall(r"\d+", " ".join(words))), "1")
        program = task.starter_code + PROGRAM.format(list=parts[0].format(k=number), result=parts[1])
        self.keys[task.id, program] = [*words, *(f"{word} {part}" for word in words for part in parts)]
        return program

    def choose(self, words, options):
        if self.random.random() < self.explore:
            return self.random.choice(options)
        share = {word: 1 / (3 + self.votes.get(word, 0)) for word in words}
        return max(options, key=lambda part: sum(self.votes.get(f"{word} {part}", 0) * share[word] for word in words))

    def learn(self, episodes):
        for episode in episodes:
            for key in self.keys[episode.task_id, episode.text]:
                self.votes[key] = self.votes.get(key, 0.0) + max(0.0, episode.reward) ** 4
        return {"votes": float(sum(self.votes.values()))}

    def save(self, path):
        path.mkdir(parents=True, exist_ok=True)
        (path / "votes.json").write_text(json.dumps(self.votes))


def make(spec, curiosity=0.5):
    return Keywords(spec, curiosity)
