"""The vector environment: many episodes at a time, in batched numpy, judged concurrently."""

from coderl_env.vector.program_vector_env import ProgramVectorEnv

__all__ = ["ProgramVectorEnv"]
