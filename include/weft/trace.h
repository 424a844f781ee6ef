/* SPDX-License-Identifier: MIT
 *
 * weft/trace.h -- a record of what tasks and workers did, to be looked at: a file in the format of Chrome's trace
 * viewer, which ui.perfetto.dev opens. Most programs need none of these calls: WEFT_TRACE=FILE in the environment
 * traces the whole run. docs/tracing.md shows what is in it, and the tool weft-trace.
 */
#ifndef WEFT_TRACE_H
#define WEFT_TRACE_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Begins to write down what happens, in this process and in worker processes of pools that are made from now on.
 *
 * Until the end all is in a raw file, PATH.raw, which has its whole size from the beginning and is mapped into every
 * process that writes. weft_trace_stop, or the end of the program, makes the trace of it. If the program is killed
 * it stays, with all that had been written: weft-trace convert PATH.raw.
 *
 * What finds no room any more is counted, not written; the trace says so. While nothing is traced the cost of
 * each place that could is one branch; while something is, some 50 ns for each event. No thread waits for another.
 *
 * A second program that is told the same path while the first one runs, such as a child with the same environment,
 * writes to PATH with its process number: t.json becomes t.1234.json.
 *
 * WEFT_TRACE=PATH calls this before the first task; WEFT_TRACE_SIZE=MIB says how large. There, what is wrong is said
 * on standard error, and the program goes on without a trace.
 *
 * @param path  Of the trace. "%p" in it becomes the process number.
 * @param size  Of the raw file, in bytes; 0: 32 MiB, enough for a million events. At least 512 KiB.
 * @return 0 | -EALREADY: there is a trace | -EINVAL: path is NULL or empty, or size too small | -ENAMETOOLONG
 *         | -ENOSPC: there is no room for that size | another negative errno: of the files.
 * @owns   path is copied. One descriptor is kept until the end.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  For the file system.
 * @orders Calls that return before this one is called are not in the trace.
 * Example: int err = weft_trace_start("trace.json", 0); */
WEFT_API int weft_trace_start(const char *path, size_t size);

/** Ends the trace, and makes the file of it. Whatever still runs is shown as cut off.
 *
 * @return 0 | -ENOENT: there is no trace | -ECHILD: it is the parent's, or that of rank 0 | another negative errno: the file cannot be
 *         written; then the raw file stays.
 * @owns   The files are the caller's.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  For the file system: about a second for a million events. For what the other ranks of "mpi" have traced.
 * @orders Calls that return before this one is called are in the trace.
 * Example: weft_trace_stop(); */
WEFT_API int weft_trace_stop(void);

/** Puts a mark with a text into the trace, on the line of the calling thread, at this moment. Does nothing where
 * nothing is traced.
 *
 * @param text  55 bytes are kept. A trace has room for about a thousand different texts and names.
 * @owns   text is copied.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_trace_mark("phase 2"); */
WEFT_API void weft_trace_mark(const char *text);

#ifdef __cplusplus
}
#endif

#endif
