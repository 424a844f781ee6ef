# SPDX-License-Identifier: MIT
from multiprocessing import Pipe, Process


def talk(out):
    for word in "hello", "from", "the child":
        out.send(word)
    out.close()


if __name__ == "__main__":
    receive, send = Pipe(duplex=False)
    p = Process(target=talk, args=(send,))
    p.start()
    send.close()  # ours: else there would never be an end
    try:
        while True:
            word = receive.recv()
            print(f"received {len(word) + 1} bytes: {word}")
    except EOFError:
        print("the other end is closed")
    p.join()
