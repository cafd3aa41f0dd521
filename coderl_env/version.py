"""The package's version, alone in its module so that the build can read it without importing anything else."""

VERSION = "0.1.0"
