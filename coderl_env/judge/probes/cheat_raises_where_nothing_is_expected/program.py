raise ValueError('no output')
