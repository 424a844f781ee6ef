#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""consumer.py LIBRARY -- weft through ctypes, as a foreign function interface sees it: symbols, no headers."""
import ctypes
import sys

weft = ctypes.CDLL(sys.argv[1])
pointer = ctypes.c_void_p
body_type = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, pointer)
weft.weft_executor_open.argtypes = [ctypes.POINTER(pointer), ctypes.c_char_p]
weft.weft_executor_name.argtypes = weft.weft_executor_free.argtypes = [pointer]
weft.weft_executor_name.restype = weft.weft_strerror.restype = ctypes.c_char_p
weft.weft_async.argtypes = [pointer, body_type, pointer, ctypes.c_size_t, ctypes.c_size_t, ctypes.POINTER(pointer)]
weft.weft_future_wait.argtypes = [pointer, ctypes.c_int64]
weft.weft_future_status.argtypes = weft.weft_future_unref.argtypes = [pointer]
weft.weft_future_result.argtypes = [pointer, ctypes.POINTER(ctypes.c_size_t)]
weft.weft_future_result.restype = pointer
weft.weft_after.argtypes = [ctypes.c_int64]
weft.weft_after.restype = ctypes.c_int64
number = ctypes.POINTER(ctypes.c_uint64)


@body_type
def square(_call, arg, result):
    n = ctypes.cast(arg, number)[0]
    ctypes.cast(result, number)[0] = n * n
    return 7


def try_on(spec):
    executor, future, size = pointer(), pointer(), ctypes.c_size_t()
    assert weft.weft_executor_open(ctypes.byref(executor), spec) == 0
    assert weft.weft_executor_name(executor).startswith(spec)
    arg = ctypes.c_uint64(12)
    assert weft.weft_async(executor, square, ctypes.byref(arg), 8, 8, ctypes.byref(future)) == 0
    assert weft.weft_future_wait(future, weft.weft_after(60 * 10**9)) == 0
    assert weft.weft_future_status(future) == 7
    result = weft.weft_future_result(future, ctypes.byref(size))
    assert size.value == 8 and ctypes.cast(result, number)[0] == 144
    weft.weft_future_unref(future)
    weft.weft_executor_free(executor)


assert weft.weft_executor_open(ctypes.byref(pointer()), b"looms") == -22
assert weft.weft_strerror(-130) == weft.weft_strerror(130) != b""
for text in b"inline", b"threads:2":
    try_on(text)
