import typing


class Node:
    next: 'Node | None' = None


print(2 * int(input()) if typing.get_type_hints(Node)['next'] == (Node | None) else 'lost')
