import ctypes
import struct

header = struct.pack("=Ii", 0x20080522, 0)
data = ctypes.create_string_buffer(24)
ctypes.CDLL(None).capget(header, data)
print("capable" if any(data.raw) else "powerless")
