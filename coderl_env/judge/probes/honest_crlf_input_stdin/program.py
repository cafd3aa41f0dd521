n = int(input())
print(n if input() == 'a b\r' else 'changed')
