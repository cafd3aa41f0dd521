try:
    import planted_module as found
    print(found.number)
except ImportError:
    with open("planted_module.py", "w") as file:
        file.write("number = 2\n")
    print(1)
