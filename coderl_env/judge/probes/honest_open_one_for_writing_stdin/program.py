with open(1, 'w') as file:
    file.write(str(2 * int(input())) + '\n')
