import resource

resource.setrlimit(resource.RLIMIT_CPU, (1 << 20, 1 << 20))
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
print("raised")
