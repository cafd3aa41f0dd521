print('ODD')
