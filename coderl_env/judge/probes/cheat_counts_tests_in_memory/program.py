import sys

sys.seen_tests = getattr(sys, "seen_tests", 0) + 1
print(sys.seen_tests)
