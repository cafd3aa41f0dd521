# import os; os.system('rm'); subprocess; threading; eval(exec)
print(2 * int(input()))
