raise type('X' * (8 << 20), (Exception,), {})('message')
