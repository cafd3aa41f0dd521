# -*- coding: utf-8 -*-
print('\u00e9é', 2 * int(input()))
