/* SPDX-License-Identifier: MIT
 *
 * weft/weft.h -- the everyday headers in one. weft/executor_impl.h, for authors of executors, is apart.
 *
 * A task is a plain function. An executor decides where it runs and what waiting means there.
 */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include <weft/barrier.h>
#include <weft/base.h>
#include <weft/call.h>
#include <weft/cond.h>
#include <weft/cq.h>
#include <weft/event.h>
#include <weft/executor.h>
#include <weft/future.h>
#include <weft/group.h>
#include <weft/io.h>
#include <weft/lock.h>
#include <weft/pipe.h>
#include <weft/process.h>
#include <weft/process_pool.h>
#include <weft/queue.h>
#include <weft/region.h>
#include <weft/rwlock.h>
#include <weft/semaphore.h>
#include <weft/shared.h>
#include <weft/socket.h>
#include <weft/spawn.h>
#include <weft/subprocess.h>
#include <weft/task.h>
#include <weft/thread.h>
#include <weft/thread_pool.h>
#include <weft/trace.h>
#include <weft/uring.h>

#endif
