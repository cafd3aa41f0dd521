import sqlite3

database = sqlite3.connect(':memory:')
database.execute('create table t (n integer)')
database.execute('insert into t values (?)', (int(input()),))
print(database.execute('select 2 * n from t').fetchone()[0])
