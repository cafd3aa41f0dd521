import re

re.match(r'(a+)+$', 'a' * 24 + 'b')
print(2 * int(input()))
