import os
import select

select.select([os.pipe()[0]], [], [], 1.5)
print(2 * int(input()))
