import os

print('read' if os.listdir(f'/proc/{os.getppid()}/fd') else 'empty')
