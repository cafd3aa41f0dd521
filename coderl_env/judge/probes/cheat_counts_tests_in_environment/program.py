import os

os.environ["SEEN"] = os.environ.get("SEEN", "") + "x"
print(len(os.environ["SEEN"]))
