import fcntl
import os

descriptor = os.open(os.path.join(os.path.dirname(os.__file__), "antigravity.py"), os.O_RDONLY)
fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print(2 * int(input()))
