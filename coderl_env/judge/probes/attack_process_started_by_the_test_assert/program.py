def double(n):
    return "__import__('subprocess').Popen(['sleep', '30'], executable='/bin/sleep', env={}).pid and __import__('os').mkdir('@FOLDER@/started')"
