"""Synth: procedurally generated problems in the format of APPS, five levels, held out by composition."""

from coderl_env.datasets.synth.dataset import SynthDataset
from coderl_env.datasets.synth.demonstrations import Demonstration, demonstrations
from coderl_env.datasets.synth.generator import LEVELS

__all__ = ["LEVELS", "Demonstration", "SynthDataset", "demonstrations"]
