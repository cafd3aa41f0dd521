def twice(n):
	if n:
		return 2 * n


print(twice(int(input())))
