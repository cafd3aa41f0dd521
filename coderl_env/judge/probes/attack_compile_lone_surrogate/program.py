print('@CHAR:d800@')
