print('read' if open('@PACKAGE@/problem.py').read() else 'empty')
