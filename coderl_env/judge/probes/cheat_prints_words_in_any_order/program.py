print('3 1 2 1')
