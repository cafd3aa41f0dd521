import os

print('read' if any(name.isdigit() for name in os.listdir('/proc')) else 'empty')
