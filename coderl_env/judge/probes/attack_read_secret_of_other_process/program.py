print(open('/proc/@PID@/environ').read().split('CANARY=')[1].split(chr(0))[0])
