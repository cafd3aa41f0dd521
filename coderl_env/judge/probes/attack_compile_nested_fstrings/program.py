print(f'{@REPEAT:300:f"{@1@REPEAT:300:}"@}')
