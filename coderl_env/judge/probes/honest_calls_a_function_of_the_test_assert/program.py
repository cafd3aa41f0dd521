def apply(function, numbers):
    found = []
    for number in numbers:
        try:
            found.append(function(number))
        except KeyError:
            found.append(None)
    return found
