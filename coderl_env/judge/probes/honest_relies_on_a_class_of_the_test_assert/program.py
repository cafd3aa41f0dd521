def made(n):
    return Node(n)


def doubled(node):
    return 2 * node.value
