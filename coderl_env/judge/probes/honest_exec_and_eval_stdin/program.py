exec('def twice(n):\n    return 2 * n')
print(eval('twice(int(input()))'))
