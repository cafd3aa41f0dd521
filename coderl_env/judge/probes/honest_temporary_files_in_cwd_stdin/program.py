import os

with open('notes.txt', 'w') as file:
    file.write(input())
os.makedirs('a/b')
os.rename('notes.txt', 'a/b/notes.txt')
print(2 * int(open('a/b/notes.txt').read()))
