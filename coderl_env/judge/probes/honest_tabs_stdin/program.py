TEXT = 'a	b'


def twice(n):
	if len(TEXT) == 3:
		return 2 * n


print(twice(int(input())))
