import tempfile

with tempfile.NamedTemporaryFile('w+') as file, tempfile.TemporaryDirectory():
    file.write(input())
    file.seek(0)
    print(2 * int(file.read()))
