/* SPDX-License-Identifier: MIT
 *
 * lane.pml -- the protocol of a lane between a pool and a worker process, for spin: filling, taking back, emptying,
 * a thread that waits at a slot, the watcher that listens, leaving, and a worker that is killed between any two
 * of its steps and replaced. executors/lane.h has the states and the pairings; the names of steps are those there.
 *
 * Memory is sequentially consistent here: that is what model_lane.c is for. What this adds is liveness: whatever
 * the interleaving and whenever it dies, all tasks get done and everybody leaves.
 *
 * BUG chooses a mistake that spin has to find; see verify.sh.
 */
#ifndef BUG
#define BUG 0
#endif
#define BUG_DONE_FIRST  1 /* DONE before the reply is written */
#define BUG_NOT_ONE     2 /* the worker reads whom to tell, and then stores DONE: not in one step */
#define BUG_LOOK_FIRST  3 /* the worker looks a last time, and then says that it sleeps */
#define BUG_RUN_AGAIN   4 /* what had begun when its worker died is put back */
#define BUG_LEFT_ASLEEP 5 /* who sleeps at a slot of a dead worker is not woken */
#define BUG_STEAL       6 /* a task is taken back without asking whether it has begun */
#define BUG_NOT_AGAIN   7 /* the watcher does not look once more after it has said that it listens */

#ifndef TASKS
#define TASKS 2 /* 0 is waited for, 1 may be cancelled */
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#define SLOTS   2
#define NOBODY  255

/* States of a slot, and in the same word whom to tell. */
#define FREE    0
#define QUEUED  1
#define SKIP    2
#define RUNNING 3
#define DONE    4
#define MASK    7
#define SLEEPER 8
#define BELL    16

/* The lane. */
byte slot[SLOTS];
byte request[SLOTS], reply[SLOTS];
bool asleep, ending, listening;

/* Who is in a futex or a poll, to be woken. */
bool worker_sleeps, waiter_sleeps, bell;

/* The worker of now, and whether it is dead; that is heard of later. */
byte epoch;
bool dead;

/* The pool's own. */
bool lock;
byte head, tail;              /* modulo nothing: there are few */
byte owner[SLOTS] = NOBODY;
byte queue[TASKS], queued;    /* a stack: what comes back is first again */
byte ran[TASKS], ended[TASKS], finished;
bool cancelled;
byte waiter_at = NOBODY;      /* the slot at which it sleeps */
bool over;

inline finish(t)
{
	ended[t]++;
	assert(ended[t] == 1);
	finished++;
}

/* Under the lock: a task has left its slot, and who sleeps there is to look elsewhere. */
inline forget(i)
{
	owner[i] = NOBODY;
	if
	:: waiter_at == i -> waiter_sleeps = false
	:: else
	fi
}

inline lane_wake()
{
	if
	:: asleep ->
		asleep = false;
		worker_sleeps = false
	:: else
	fi
}

/* Under the lock, in one step: takes out all that is done at the tail. The worker keeps away from what is DONE, and
 * what else is touched here is the pool's own. */
inline harvest()
{
	do
	:: tail != head && owner[tail % SLOTS] != NOBODY && slot[tail % SLOTS] == DONE ->
		assert(reply[tail % SLOTS] == owner[tail % SLOTS]);
		assert(ran[owner[tail % SLOTS]] == 1);
		finish(owner[tail % SLOTS]);
		forget(tail % SLOTS);
		slot[tail % SLOTS] = FREE;
		tail++
	:: tail != head && owner[tail % SLOTS] == NOBODY && slot[tail % SLOTS] == FREE -> tail++
	:: else -> break
	od
}

/* Under the lock: what is queued, into the slots that there are. */
inline fill()
{
	do
	:: d_step { queued > 0 && head - tail < SLOTS ->
			queued--;
			owner[head % SLOTS] = queue[queued];
			request[head % SLOTS] = queue[queued];
			reply[head % SLOTS] = NOBODY;
			/* Nobody is to be told of the waiter's task: he comes later. */
			slot[head % SLOTS] = (queue[queued] == 0 -> QUEUED : QUEUED | BELL);
			queue[queued] = 0;
			head++
		}
		lane_wake()
	:: else -> break
	od
}

/* Under the lock: the worker is dead, and everything that it had completed has been taken out. */
inline lose()
{
	d_step {
		do
		:: head != tail ->
			head--;
			if
			:: owner[head % SLOTS] == NOBODY
			:: else ->
				if
				:: (slot[head % SLOTS] & MASK) == QUEUED || BUG == BUG_RUN_AGAIN ->
					queue[queued] = owner[head % SLOTS];
					queued++
				:: else -> finish(owner[head % SLOTS])
				fi;
				slot[head % SLOTS] = FREE;
				if
				:: BUG == BUG_LEFT_ASLEEP -> owner[head % SLOTS] = NOBODY
				:: else -> forget(head % SLOTS)
				fi
			fi
		:: else -> break
		od
	}
}

/* A fresh lane, and a worker on it. */
inline replace()
{
	d_step {
		for (k : 0 .. SLOTS - 1) {
			slot[k] = FREE;
			owner[k] = NOBODY
		}
		head = 0;
		tail = 0;
		asleep = false;
		worker_sleeps = false;
		ending = false;
		listening = false;
		epoch++;
		dead = false;
		for (k : 0 .. SLOTS - 1) {
			request[k] = 0;
			reply[k] = 0
		}
		k = 0
	}
	run worker(epoch)
}

#define FOR_US(s) (((s) & MASK) == QUEUED || ((s) & MASK) == SKIP)

/* Steps of one that nobody else can see apart are one step. */
proctype worker(byte me)
{
	byte i, was;

	{
	do
	:: /* await_state */
		do
		:: FOR_US(slot[i]) -> break
		:: !FOR_US(slot[i]) && ending -> goto leave
		:: !FOR_US(slot[i]) && !ending ->
#if BUG != BUG_LOOK_FIRST
			asleep = true;
#endif
			if
			:: !FOR_US(slot[i]) && !ending ->
#if BUG == BUG_LOOK_FIRST
				asleep = true;
#endif
				d_step { worker_sleeps = asleep }; /* futex: only if it still says so */
				!worker_sleeps
			:: else
			fi;
			asleep = false
		od;
		if
		/* take: one compare-and-swap */
		:: d_step { (slot[i] & MASK) == QUEUED -> slot[i] = (slot[i] & ~MASK) | RUNNING }
			d_step {
				ran[request[i]]++;
				assert(ran[request[i]] == 1)
			};
#if BUG == BUG_DONE_FIRST
			d_step { was = slot[i]; slot[i] = DONE };
			reply[i] = request[i];
#elif BUG == BUG_NOT_ONE
			reply[i] = request[i];
			was = slot[i];
			slot[i] = DONE;
#else
			reply[i] = request[i];
			d_step { was = slot[i]; slot[i] = DONE }; /* a swap */
#endif
			if
			:: was & SLEEPER ->
				d_step {
					if
					:: waiter_at == i -> waiter_sleeps = false
					:: else
					fi
				}
			:: else
			fi;
			if
			:: d_step { (was & BELL) && listening -> listening = false; bell = true }
			:: else
			fi
		:: else -> slot[i] = FREE
		fi;
		d_step { was = 0; i = (i + 1) % SLOTS }
	od;
leave:
	dead = true
	} unless {
		/* Killed: between any two of its steps. */
		dead || me != epoch
	}
}

/* Kills whoever is the worker, at any time, so many times at most. */
active proctype killer()
{
	byte n;

	do
	:: n < DEATHS && !over -> atomic {
		if
		:: !dead -> dead = true
		:: else
		fi };
		n++
	:: break
	od
}

/* Waits for task 0 where it runs, and takes out what it finds done: process_wait.c. */
active proctype waiter()
{
	byte k, seen;

	do
	:: ended[0] -> break
	:: else ->
		/* Under the lock lane_tell, where it is in a lane; seen is 0 where it is not on its way there. */
		d_step { !lock ->
			k = (owner[0] == 0 -> 0 : (owner[1] == 0 -> 1 : NOBODY));
			if
			:: k == NOBODY
			:: k != NOBODY && ((slot[k] & MASK) == QUEUED || (slot[k] & MASK) == RUNNING) ->
				slot[k] = slot[k] | SLEEPER;
				seen = slot[k];
				waiter_at = k
			:: else
			fi
		};
		if
		:: k == NOBODY ->
			/* It sleeps on the future, until it is in a lane, or done: whoever moves it wakes. */
			(ended[0] || owner[0] == 0 || owner[1] == 0)
		:: else ->
			if
			:: seen ->
				/* futex: only while the word is as it was */
				d_step { waiter_sleeps = (slot[k] == seen && waiter_at == k) };
				!waiter_sleeps
			:: else
			fi;
			d_step { !lock ->
				waiter_at = NOBODY;
				harvest();
				seen = 0;
				k = 0
			}
		fi
	od
}

/* Takes back task 1, if that has not begun; it counts as cancelled. */
active proctype canceller()
{
	byte k;

	d_step { !lock ->
		k = (owner[0] == 1 -> 0 : (owner[1] == 1 -> 1 : NOBODY));
		if
		:: k == NOBODY
		:: k != NOBODY && ((slot[k] & MASK) == QUEUED || BUG == BUG_STEAL) ->
			slot[k] = SKIP;
			cancelled = true;
			finish(1);
			forget(k)
		:: else
		fi
	}
}

/* The watcher, which submits here too: process_watch.c. */
active proctype watcher()
{
	byte k;
	bool dead_heard, again;

	d_step {
		for (k : 0 .. TASKS - 1) {
			queue[k] = TASKS - 1 - k
		}
		queued = TASKS;
		for (k : 0 .. SLOTS - 1) {
			owner[k] = NOBODY
		}
		k = 0
	}
	run worker(0);
	do
	:: finished == TASKS -> break
	:: else ->
		d_step { !lock ->
			lock = true;
			dead_heard = dead;
			harvest()
		};
		if
		:: dead_heard ->
			lose();
			replace()
		:: else
		fi;
		fill();
		listening = true;
		d_step {
			again = BUG != BUG_NOT_AGAIN && tail != head &&
				((owner[tail % SLOTS] != NOBODY && slot[tail % SLOTS] == DONE) ||
				 (owner[tail % SLOTS] == NOBODY && slot[tail % SLOTS] == FREE));
			lock = false
		};
		/* poll: the bell, or a death; or one who waits has finished the rest, or made room */
		d_step { (again || bell || dead || finished == TASKS || (queued > 0 && head - tail < SLOTS)) ->
			bell = false;
			again = false;
			dead_heard = false
		}
	od;
	/* lane_end; whoever is dead has left too */
	ending = true;
	lane_wake();
	dead;
	assert(finished == TASKS && (!cancelled || ran[1] == 0));
	over = true
}


ltl all_ends { <> over }
