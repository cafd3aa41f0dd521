n = 0
if __name__ == '__main__':
    n = int(input())
print(2 * n)
