import sys

sys.stdout.reconfigure(errors='surrogatepass')
print('\ud800')
