def double(table, seen):
    table['n'] *= 2
    seen.add(table['n'])
