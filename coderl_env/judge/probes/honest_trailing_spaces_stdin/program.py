print(2 * int(input()), end='   \n\n\n')
