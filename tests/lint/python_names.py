# SPDX-License-Identifier: MIT
#
# python_names.py -- prints the public names of the modules that docs/from-python.md is about, one line each: the module
# and the name; methods and attributes as Class.name. Names that differ between machines are left out.
import importlib
import multiprocessing

MODULES = """concurrent.futures multiprocessing multiprocessing.pool multiprocessing.process multiprocessing.queues
    multiprocessing.connection multiprocessing.managers multiprocessing.shared_memory multiprocessing.sharedctypes
    multiprocessing.synchronize threading queue subprocess""".split()

# Those whose methods have rows of their own, and where: a subclass has only what it adds.
CLASSES = {
    "concurrent.futures": "Executor Future ProcessPoolExecutor ThreadPoolExecutor",
    "multiprocessing.pool": "ApplyResult IMapIterator MapResult Pool",
    "multiprocessing.queues": "JoinableQueue Queue SimpleQueue",
    "multiprocessing.connection": "Connection Listener",
    "multiprocessing.managers": "BaseManager SharedMemoryManager SyncManager",
    "multiprocessing.shared_memory": "ShareableList SharedMemory",
    "multiprocessing.sharedctypes": "Synchronized SynchronizedArray SynchronizedString",
    "multiprocessing.synchronize": "Barrier Condition Event Semaphore",
    "threading": "Barrier Condition Event Lock RLock Semaphore Thread Timer",
    "queue": "Queue SimpleQueue",
    "subprocess": "CalledProcessError CompletedProcess Popen TimeoutExpired",
}


def members(cls):
    inherited = set(dir(Exception))
    for base in cls.__mro__[1:]:
        if base.__name__ in ("BaseManager", "Thread"):
            inherited.update(dir(base))
    return [n for n in dir(cls) if not n.startswith("_") and n not in inherited]


def names():
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        public = [n for n in module.__all__ if not n.startswith("_")]
        yield from ((module_name, n) for n in public)
        for class_name in CLASSES.get(module_name, "").split():
            cls = getattr(module, class_name)
            cls = cls if isinstance(cls, type) else type(cls())  # threading.Lock was a function
            yield from ((module_name, f"{class_name}.{n}") for n in members(cls))
    process = members(multiprocessing.process.BaseProcess)
    yield from (("multiprocessing.process", f"Process.{n}") for n in process)


if __name__ == "__main__":
    for module_name, name in sorted(set(names())):
        print(module_name, name)
