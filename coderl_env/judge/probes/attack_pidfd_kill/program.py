import os
import signal

signal.pidfd_send_signal(os.pidfd_open(@PID@), signal.SIGKILL)
print(2 * int(input()))
