import locale

locale.setlocale(locale.LC_ALL, 'C')
print(locale.format_string('%d', 2 * int(input()), grouping=True))
