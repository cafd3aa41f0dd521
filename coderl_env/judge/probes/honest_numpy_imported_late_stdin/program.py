n = int(input())


def twice(n):
    np = __import__('numpy')
    return int(np.dot(np.array([n]), np.array([2])))


print(twice(n))
