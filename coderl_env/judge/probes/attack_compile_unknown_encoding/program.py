# -*- coding: no-such-encoding -*-
print(2 * int(input()))
