print(@REPEAT:200000:-@1)
