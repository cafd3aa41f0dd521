import numpy as np

n = int(input())
matrix = np.eye(200) * 2
print(round(float((np.linalg.inv(matrix) @ (matrix @ matrix))[0, 0] * n)))
