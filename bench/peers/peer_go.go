// SPDX-License-Identifier: MIT
//
// peer_go.go -- goroutines. GOMAXPROCS is the number of threads. What is waited for is a WaitGroup, or a
// channel where one task is. A goroutine may wait, so pending tasks are goroutines that wait for a gate.
//
// The program takes the same words as those that measure.h describes, and prints the same line.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var sizes = map[string]int{"flood": 1000000, "flood2": 1000000, "heap": 200000, "hot": 20000, "cold": 1000, "help": 200000,
	"pending": 200000, "idle": 1000, "nap": 1000, "tick": 1000, "nest": 1000, "fib": 32,
	"skynet": 1000000, "sum": 100000000, "uneven": 100000, "primes": 2}

var order = strings.Fields("flood flood2 heap hot cold help pending idle nap tick nest fib skynet sum uneven primes")

func figure(name string, value float64) { fmt.Printf(", \"%s\": %.6g", name, value) }

func cpuSeconds() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + 1e-6*float64(u.Utime.Usec+u.Stime.Usec)
}

func rssBytes() float64 {
	var size, resident int
	text, _ := os.ReadFile("/proc/self/statm")
	fmt.Sscan(string(text), &size, &resident)
	return float64(resident * os.Getpagesize())
}

// Not Maxrss: that remembers who called exec.
func peakMB() float64 {
	var kib float64
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		fmt.Sscanf(line, "VmHWM: %f", &kib)
	}
	return kib / 1024
}

func must(ok bool, what string) {
	if !ok {
		fmt.Fprintln(os.Stderr, what)
		os.Exit(1)
	}
}

func submitMany(n int) {
	var done sync.WaitGroup
	done.Add(n)
	for i := 0; i < n; i++ {
		go done.Done()
	}
	done.Wait()
}

// As per_task in measure_tasks.c.
func perTask(n int, work func()) {
	work()
	begun, done := time.Now(), 0
	for done < 100000 && (done == 0 || time.Since(begun) < 200*time.Millisecond) {
		work()
		done += n
	}
	figure("ns", float64(time.Since(begun))/float64(done))
}

func flood(n, producers int) {
	perTask(n, func() {
		var both sync.WaitGroup
		both.Add(producers)
		for p := 0; p < producers; p++ {
			go func() {
				submitMany(n / producers)
				both.Done()
			}()
		}
		both.Wait()
	})
}

// What a later flood asks for, garbage that is collected included.
func heap(n int) {
	var before, after runtime.MemStats
	submitMany(n)
	runtime.ReadMemStats(&before)
	submitMany(n)
	runtime.ReadMemStats(&after)
	figure("alloc_bytes", float64(after.TotalAlloc-before.TotalAlloc)/float64(n))
}

func run(fn func()) {
	done := make(chan struct{})
	go func() {
		fn()
		close(done)
	}()
	<-done
}

func trips(n int, pause time.Duration) {
	laps := []time.Duration{}
	for i := 0; i < 200; i++ {
		run(func() {})
	}
	cpu, begun := -cpuSeconds(), time.Now()
	for len(laps) < n && time.Since(begun) < time.Second+time.Duration(n)*pause {
		if pause > 0 {
			time.Sleep(pause)
		}
		before := time.Now()
		run(func() {})
		laps = append(laps, time.Since(before))
	}
	cpu += cpuSeconds()
	n = len(laps)
	sort.Slice(laps, func(a, b int) bool { return laps[a] < laps[b] })
	figure("p50_us", float64(laps[n/2])/1e3)
	figure("p99_us", float64(laps[n*99/100])/1e3)
	figure("cpu_us", cpu*1e6/float64(n))
}

func help(n int) {
	run(func() {
		begun := time.Now()
		for i := 0; i < n; i++ {
			run(func() {})
		}
		figure("ns", float64(time.Since(begun))/float64(n))
	})
}

func pending(n int) {
	gate := make(chan struct{})
	var done sync.WaitGroup
	done.Add(n)
	before := rssBytes()
	for i := 0; i < n; i++ {
		go func() {
			<-gate
			done.Done()
		}()
	}
	figure("rss_bytes", (rssBytes()-before)/float64(n))
	close(gate)
	done.Wait()
}

func cpu(n int, each time.Duration, task func()) {
	length := time.Duration(n) * time.Millisecond
	if each == 0 {
		each = length
	}
	time.Sleep(50 * time.Millisecond)
	begun, used := time.Now(), -cpuSeconds()
	for at := each; at <= length; at += each {
		if task != nil {
			run(task)
		}
		time.Sleep(time.Until(begun.Add(at)))
	}
	figure("cpu_ms_per_s", (used+cpuSeconds())*1e3/time.Since(begun).Seconds())
}

func nest(depth int) {
	if depth > 0 {
		run(func() { nest(depth - 1) })
	}
}

func fib(n int) int64 {
	if n < 2 {
		return int64(n)
	}
	a := make(chan int64, 1)
	go func() { a <- fib(n - 1) }()
	b := fib(n - 2)
	return <-a + b
}

func skynet(n, base int64) int64 {
	if n == 1 {
		return base
	}
	parts, sum := make(chan int64, 10), int64(0)
	for i := int64(0); i < 10; i++ {
		below := base + i*(n/10)
		go func() { parts <- skynet(n/10, below) }()
	}
	for i := 0; i < 10; i++ {
		sum += <-parts
	}
	return sum
}

// 32 goroutines for each thread share out a loop, as measure_work.c does it for pools.
func loop(n, threads int, body func(begin, end int)) {
	var done sync.WaitGroup
	chunks := 32 * threads
	done.Add(chunks)
	for i := 0; i < chunks; i++ {
		begin, end := n*i/chunks, n*(i+1)/chunks
		go func() {
			body(begin, end)
			done.Done()
		}()
	}
	done.Wait()
}

func speedUp(n, threads int, body func(begin, end int)) {
	ratios := []float64{}
	for r := -1; r < 5; r++ {
		begun := time.Now()
		body(0, n)
		serial := time.Since(begun)
		begun = time.Now()
		loop(n, threads, body)
		if r >= 0 {
			ratios = append(ratios, float64(serial)/float64(time.Since(begun)))
		}
	}
	sort.Float64s(ratios)
	figure("speed_up", ratios[2])
}

func sum(n, threads int) {
	of, once, total := make([]int32, n), int64(0), int64(0)
	for i := range of {
		of[i] = int32(i % 1000)
		once += int64(of[i])
	}
	speedUp(n, threads, func(begin, end int) {
		part := int64(0)
		for _, v := range of[begin:end] {
			part += int64(v)
		}
		atomic.AddInt64(&total, part)
	})
	must(total == 12*once, "sum is wrong")
}

func unevenSteps(i, n int) uint32 {
	hash := uint32(i) * 2654435761 >> 22
	return hash * hash >> 10 * uint32(2*i/(n/16+1)) / 16
}

func uneven(n, threads int) {
	ret := make([]uint32, n)
	speedUp(n, threads, func(begin, end int) {
		for i := begin; i < end; i++ {
			x := uint32(i)
			for k := unevenSteps(i, n); k > 0; k-- {
				x = x*1664525 + 1013904223
			}
			ret[i] = x
		}
	})
}

var list = []uint64{1116281, 1297337, 104395303, 472882027, 533000389, 817504243, 982451653, 112272535095293,
	112582705942171, 112272535095293, 115280095190773, 115797848077099, 1099726899285419}

func isPrime(i int) int32 {
	n := list[i%len(list)]
	for d := uint64(2); d <= n/d; d++ {
		if n%d == 0 {
			return 0
		}
	}
	return 1
}

func primes(reps int) {
	ratios, texts := []float64{}, []string{}
	for r := 0; r < reps; r++ {
		var found int32
		var done sync.WaitGroup
		n := 5 * len(list)
		begun := time.Now()
		for i := 0; i < n; i++ {
			found += isPrime(i)
		}
		serial := time.Since(begun)
		begun = time.Now()
		done.Add(n)
		for i := 0; i < n; i++ {
			i := i
			go func() {
				atomic.AddInt32(&found, isPrime(i))
				done.Done()
			}()
		}
		done.Wait()
		ratios = append(ratios, float64(serial)/float64(time.Since(begun)))
		texts = append(texts, fmt.Sprintf("%.4g", ratios[r]))
		must(found == 120, "primes are wrong")
	}
	fmt.Printf(", \"speed_ups\": [%s]", strings.Join(texts, ", "))
	sort.Float64s(ratios)
	figure("worst", ratios[0])
	figure("speed_up", ratios[reps/2])
}

func measure(workload string, n, threads int) {
	switch workload {
	case "flood":
		flood(n, 1)
	case "flood2":
		flood(n, 2)
	case "heap":
		heap(n)
	case "hot":
		trips(n, 0)
	case "cold":
		trips(n, time.Millisecond)
	case "help":
		help(n)
	case "pending":
		pending(n)
	case "idle":
		cpu(n, 0, nil)
	case "nap":
		cpu(n, 0, func() { time.Sleep(time.Duration(n) * time.Millisecond) })
	case "tick":
		cpu(n, time.Millisecond, func() {})
	case "nest":
		perTask(n, func() { nest(n) })
	case "fib":
		fib(n - 6)
		begun := time.Now()
		answer := fib(n)
		took := time.Since(begun)
		a, b := int64(0), int64(1) // b: one more than the calls with n >= 2
		for i := 0; i < n; i++ {
			a, b = b, a+b
		}
		must(answer == a, "fib is wrong")
		figure("ns", float64(took)/float64(b-1))
	case "skynet":
		skynet(int64(n/100), 0)
		begun := time.Now()
		must(skynet(int64(n), 0) == int64(n)*int64(n-1)/2, "skynet is wrong")
		figure("ms", float64(time.Since(begun))/1e6)
	case "sum":
		sum(n, threads)
	case "uneven":
		uneven(n, threads)
	case "primes":
		primes(n)
	}
}

func main() {
	if len(os.Args) < 3 {
		fmt.Println("Go", strings.Join(order, " "))
		return
	}
	workload, threads := os.Args[2], 2
	n, known := sizes[workload]
	if !known {
		os.Exit(77)
	}
	for _, arg := range os.Args[3:] {
		fmt.Sscanf(arg, "n=%d", &n)
		fmt.Sscanf(arg, "threads=%d", &threads)
	}
	runtime.GOMAXPROCS(threads)
	debug.SetMaxStack(1 << 30)
	fmt.Printf("{\"peer\": \"Go\", \"workload\": \"%s\", \"threads\": %d", workload, threads)
	measure(workload, n, threads)
	figure("peak_mb", peakMB())
	fmt.Printf(", \"n\": %d}\n", n)
}
