with open('big', 'wb') as file:
    file.write(b'x' * (16 << 20))
print(2 * int(input()))
