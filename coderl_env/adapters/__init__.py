"""The environments and the judge for other libraries: one module for each, none of which is needed to import ours.

The same completion for the same task gets the same program, verdict and reward in all of them, because each is a thin
coat over `coderl_env.adapters.scoring`. What each does where the judge fails stands at the top of its module.
"""
