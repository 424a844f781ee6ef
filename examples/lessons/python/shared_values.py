# SPDX-License-Identifier: MIT
from multiprocessing import Array, Process, Value


def change(number, array):
    with number.get_lock():
        number.value = 3.1415927
    for i in range(len(array)):
        array[i] = -array[i]


if __name__ == "__main__":
    number = Value("d", 0.0)
    array = Array("i", range(10))
    p = Process(target=change, args=(number, array))
    p.start()
    p.join()
    print(number.value)
    print(array[:])
