import fcntl

found = []
for descriptor in range(4, 1024):
    try:
        fcntl.fcntl(descriptor, fcntl.F_GETFD)
    except OSError:
        continue
    found.append(descriptor)
print("found" if found else "none")
