print('no number')
