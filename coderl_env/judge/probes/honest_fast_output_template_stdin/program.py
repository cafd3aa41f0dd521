import atexit
import io
import os
import sys


class FastIO(io.IOBase):
    def __init__(self, file):
        self.descriptor = file.fileno()
        self.buffer = io.BytesIO()
        self.write = self.buffer.write

    def flush(self):
        os.write(self.descriptor, self.buffer.getvalue())
        self.buffer.truncate(0), self.buffer.seek(0)


class Wrapper(io.IOBase):
    def __init__(self, file):
        self.buffer = FastIO(file)
        self.flush = self.buffer.flush
        self.write = lambda text: self.buffer.write(text.encode('ascii'))


sys.stdout = Wrapper(sys.stdout)
print(2 * int(input()))
