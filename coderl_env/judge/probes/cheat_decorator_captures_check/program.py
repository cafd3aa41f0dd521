def swallow(function):
    return lambda *args: None


@swallow
