import multiprocessing


def twice(n):
    return 2 * n


if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        print(pool.map(twice, [int(input())])[0])
