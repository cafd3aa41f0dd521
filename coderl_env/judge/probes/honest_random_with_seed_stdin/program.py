import random

random.seed(7)
print(2 * int(input()) if random.random() == 0.32383276483316237 else 'other')
