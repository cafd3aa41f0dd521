import sys

sys.path.append('@PACKAGE@/..')
import coderl_env.problem

print('read')
