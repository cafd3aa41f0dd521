def double(n):
    while True:
        yield "x" * (1 << 20)
