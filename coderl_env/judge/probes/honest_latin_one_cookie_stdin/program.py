# -*- coding: latin-1 -*-
print(len('é'), 2 * int(input()))
