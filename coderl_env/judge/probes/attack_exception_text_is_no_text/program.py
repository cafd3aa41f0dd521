raise ValueError('\ud800 \0 \x1b[2J')
