files = [open(0), open(1, "w")]
files[1].write(f"{2 * int(files[0].readline())}\n")
