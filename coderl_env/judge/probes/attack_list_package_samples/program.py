import os

print('read' if os.listdir('@PACKAGE@/datasets') else 'empty')
