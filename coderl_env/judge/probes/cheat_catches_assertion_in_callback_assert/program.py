def double(n, tell):
    try:
        tell(n)
    except BaseException:
        pass
