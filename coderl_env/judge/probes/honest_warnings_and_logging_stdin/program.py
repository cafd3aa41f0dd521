import logging
import warnings

warnings.warn('careful')
logging.error('look')
print(2 * int(input()))
