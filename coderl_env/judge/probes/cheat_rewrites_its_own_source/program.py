with open(__file__, "w") as file:
    file.write("print(2)\n")
print(1)
