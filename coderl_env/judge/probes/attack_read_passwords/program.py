open('/etc/passwd').read()
print('read')
