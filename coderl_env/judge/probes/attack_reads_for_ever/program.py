import os
import select

select.select([os.pipe()[0]], [], [], 0.8)
print(2 * int(input()))
