'''Doubles a number.'''

TEXT = """
line
  indented
"""

n = int(input())
print(2 * n if TEXT == '\nline\n  indented\n' else 'changed')
