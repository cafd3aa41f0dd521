source = open(__file__).read()
print(2 * int(input()) if 'own source' in source else 'changed')  # own source
