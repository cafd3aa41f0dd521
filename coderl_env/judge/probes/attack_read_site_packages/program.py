import os
import sys

found = "nothing"
for folder in sys.path:
    if not folder.endswith("-packages"):
        continue
    for name in os.listdir(folder):
        if not name.startswith("numpy") and os.path.isdir(os.path.join(folder, name)):
            try:
                found = "read" if open(os.path.join(folder, name, "__init__.py")).read() else found
            except OSError:
                pass
print(found)
