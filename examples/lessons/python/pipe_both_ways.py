# SPDX-License-Identifier: MIT
from multiprocessing import Pipe, Process


def answer(end, other):
    other.close()
    try:
        while True:
            end.send(end.recv() ** 2)
    except EOFError:
        end.close()


if __name__ == "__main__":
    mine, yours = Pipe()
    p = Process(target=answer, args=(yours, mine))
    p.start()
    yours.close()
    for i in range(1, 6):
        mine.send(i)
        print(f"{i} squared is {mine.recv()}")
    mine.close()
    p.join()
    print("the child has ended")
