import os
import shutil

os.execv(shutil.which("echo") or "/bin/echo", ["echo", "replaced"])
