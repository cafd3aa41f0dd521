import os

print('read' if os.listdir('/') else 'empty')
