print("open('@FOLDER@/precious', 'w').write('gone')")
