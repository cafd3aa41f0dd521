def double(n, function):
    while True:
        function(n)
