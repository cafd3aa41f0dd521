import faulthandler
import time

faulthandler.dump_traceback_later(0.01, exit=True)
time.sleep(0.5)
print('wrong')
