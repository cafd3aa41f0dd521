import os
import shutil

os.posix_spawn(shutil.which("sleep") or "/bin/sleep", ["@MARK@", "20"], {})
print(2 * int(input()))
