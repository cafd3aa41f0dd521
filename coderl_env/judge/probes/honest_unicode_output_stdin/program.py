print('ü中😀', input())
