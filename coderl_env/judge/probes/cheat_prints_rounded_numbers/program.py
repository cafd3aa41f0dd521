print('0.3331')
