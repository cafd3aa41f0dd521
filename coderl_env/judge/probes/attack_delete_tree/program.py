import shutil

shutil.rmtree('@FOLDER@')
print(2 * int(input()))
