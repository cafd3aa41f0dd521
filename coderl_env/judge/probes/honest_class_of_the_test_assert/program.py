class Node:
    def __init__(self, value, next=None):
        self.value = value
        self.next = next


def double(node):
    return None if node is None else Node(2 * node.value, double(node.next))
