write = open(1, "w").write
write(f"{2 * int(input())}\n")
