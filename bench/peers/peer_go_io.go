// SPDX-License-Identifier: MIT
//
// peer_go_io.go -- goroutines that wait: Go's sockets and sleeps, on one thread of Go's (GOMAXPROCS=1), and its
// files, which hold a thread each. Words and figures are those of measure_io.h.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const block, blocks = 4096, 1 << 18

var sizes = map[string]int{"yield": 2000000, "task": 500000, "crowd": 1000000, "warm1": 100000, "warm32": 300000,
	"warm128": 300000, "direct1": 12000, "direct32": 40000, "direct128": 60000, "echo50": 1500, "echo1000": 1500,
	"sleepers": 100000, "fetch": 1000}

var order = strings.Fields("yield task crowd warm1 warm32 warm128 direct1 direct32 direct128 echo50 echo1000 " +
	"sleepers fetch")

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(good bool, what string) {
	if !good {
		must(fmt.Errorf("%s", what))
	}
}

func figure(name string, value float64) {
	fmt.Printf(", \"%s\": %.6g", name, value)
}

func cpuTime() float64 {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func resident() float64 {
	var size, pages float64
	text, err := os.ReadFile("/proc/self/statm")
	must(err)
	fmt.Sscan(string(text), &size, &pages)
	return pages * float64(os.Getpagesize())
}

func random(seed *uint64) uint64 {
	*seed ^= *seed << 13
	*seed ^= *seed >> 7
	*seed ^= *seed << 17
	return *seed
}

// All threads there are; those to come inherit it.
func pin(cpu uint) {
	mask := uint64(1) << cpu
	threads, err := os.ReadDir("/proc/self/task")
	must(err)
	for _, thread := range threads {
		id, _ := strconv.Atoi(thread.Name())
		syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(id), 8, uintptr(unsafe.Pointer(&mask)))
	}
}

func beside(name string) string {
	self, err := os.Executable()
	must(err)
	return filepath.Join(filepath.Dir(self), name)
}

func load(args ...string) io.Reader {
	command := exec.Command("taskset", append([]string{"-c", "1", beside("io_load")}, args...)...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	must(err)
	must(command.Start())
	return out
}

// ---- goroutines

func perTurn(n int, fn func(n int)) {
	fn(n / 10)
	cpu := cpuTime()
	fn(n)
	figure("ns", (cpuTime()-cpu)*1e9/float64(n))
}

func yields(n int) {
	const fibers = 1000
	var done sync.WaitGroup
	done.Add(fibers)
	for i := 0; i < fibers; i++ {
		go func() {
			for k := 0; k < n/fibers; k++ {
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	done.Wait()
}

func tasks(n int) {
	var done sync.WaitGroup
	for i := 0; i < n; i++ {
		done.Add(1)
		go done.Done()
		done.Wait()
	}
}

func crowd(n int) {
	var asleep int64
	before := resident()
	begun := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			atomic.AddInt64(&asleep, 1)
			time.Sleep(time.Hour)
		}()
	}
	for atomic.LoadInt64(&asleep) < int64(n) {
		time.Sleep(10 * time.Millisecond)
	}
	figure("us", float64(time.Since(begun))/1e3/float64(n))
	figure("made", float64(n))
	figure("rss_bytes", (resident()-before)/float64(n))
}

// ---- reads

// Memory that begins with a page, as O_DIRECT wants it.
func aligned(size int) []byte {
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	must(err)
	return memory
}

func readBlocks(file *os.File, depth, n int, buffers []byte) {
	var done sync.WaitGroup
	done.Add(depth)
	for i := 0; i < depth; i++ {
		buffer, seed := buffers[i*block:][:block], 88172645463325252+uint64(i)*0x9e3779b97f4a7c15
		part := n / (depth - i)
		n -= part
		go func() {
			for ; part > 0; part-- {
				at := random(&seed) % blocks
				got, err := file.ReadAt(buffer, int64(at*block))
				must(err)
				check(got == block && binary.LittleEndian.Uint64(buffer) == at, "read is wrong")
			}
			done.Done()
		}()
	}
	done.Wait()
}

// The file is made by the peers in C, which have their turn before.
func reads(n, depth, flags int) {
	file, err := os.OpenFile(beside("io.data"), os.O_RDONLY|flags, 0)
	must(err)
	if flags == 0 {
		_, err = io.Copy(io.Discard, file)
		must(err)
	}
	buffers := aligned(depth * block)
	readBlocks(file, depth, n/10, buffers)
	cpu, begun := cpuTime(), time.Now()
	readBlocks(file, depth, n, buffers)
	seconds := time.Since(begun).Seconds()
	figure("per_s", float64(n)/seconds)
	figure("cpu_us", (cpuTime()-cpu)*1e6/float64(n))
}

// ---- sockets

func connection(c net.Conn) {
	buffer := make([]byte, 1024)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			break
		}
		if _, err = c.Write(buffer[:n]); err != nil {
			break
		}
	}
	c.Close()
}

func echo(ms, connections int) {
	pin(0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			c, err := listener.Accept()
			must(err)
			go connection(c)
		}
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	line, err := bufio.NewReader(load("echo", fmt.Sprint(port), fmt.Sprint(connections), fmt.Sprint(ms))).ReadString('\n')
	must(err)
	fmt.Print(strings.TrimSpace(line))
}

func get(address string, i int) {
	c, err := net.Dial("tcp", address)
	must(err)
	_, err = fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", i)
	must(err)
	text, err := io.ReadAll(c)
	must(err)
	check(strings.HasPrefix(string(text), "HTTP/1.1 200 ") &&
		strings.HasSuffix(string(text), fmt.Sprintf("\r\n\r\nthis is %d\n", i)), "answer is wrong")
	c.Close()
}

func getAll(address string, n int) {
	var done sync.WaitGroup
	done.Add(n)
	for i := 0; i < n; i++ {
		i := i
		go func() {
			get(address, i)
			done.Done()
		}()
	}
	done.Wait()
}

func fetch(n int) {
	var port int
	_, err := fmt.Fscan(load("http", "10000", "0", "0"), &port)
	must(err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	getAll(address, 20)
	begun := time.Now()
	getAll(address, n)
	ms := float64(time.Since(begun)) / 1e6
	figure("ms", ms)
	figure("times", 10*float64(n)/ms)
}

// ---- sleepers

func sleepers(n int) {
	from := time.Now().Add(1500 * time.Millisecond)
	until := from.Add(3 * time.Second)
	late := make([]int64, 4<<20)
	for i := range late {
		late[i] = 1 // touched
	}
	naps, seed := 0, uint64(88172645463325252)
	for i := 0; i < n; i++ {
		go func() {
			for {
				ns := time.Duration(1+random(&seed)%1000) * time.Millisecond
				begun := time.Now()
				time.Sleep(ns)
				now := time.Now()
				if now.After(from) && now.Before(until) {
					late[naps] = int64(now.Sub(begun) - ns)
					naps++
				}
			}
		}()
	}
	time.Sleep(time.Until(from))
	cpu := cpuTime()
	time.Sleep(time.Until(until))
	cpu = cpuTime() - cpu
	time.Sleep(10 * time.Millisecond)
	late = late[:naps]
	sort.Slice(late, func(i, k int) bool { return late[i] < late[k] })
	figure("cpu_us", cpu*1e6/float64(naps))
	figure("naps", float64(naps))
	figure("p50_us", float64(late[naps/2])/1e3)
	figure("p99_us", float64(late[naps*99/100])/1e3)
}

func depthOf(workload, kind string) int {
	depth, err := strconv.Atoi(workload[len(kind):])
	must(err)
	return depth
}

func measure(workload string, n int) {
	switch {
	case workload == "yield":
		perTurn(n, yields)
	case workload == "task":
		perTurn(n, tasks)
	case workload == "crowd":
		crowd(n)
	case workload == "sleepers":
		sleepers(n)
	case workload == "fetch":
		fetch(n)
	case strings.HasPrefix(workload, "warm"):
		reads(n, depthOf(workload, "warm"), 0)
	case strings.HasPrefix(workload, "direct"):
		reads(n, depthOf(workload, "direct"), syscall.O_DIRECT)
	case strings.HasPrefix(workload, "echo"):
		echo(n, depthOf(workload, "echo"))
	}
}

func main() {
	if len(os.Args) < 3 {
		fmt.Println("Go", strings.Join(order, " "))
		return
	}
	workload := os.Args[2]
	n, known := sizes[workload]
	if !known {
		os.Exit(77)
	}
	for _, arg := range os.Args[3:] {
		fmt.Sscanf(arg, "n=%d", &n)
	}
	runtime.GOMAXPROCS(1)
	debug.SetMaxThreads(20000)
	fmt.Printf("{\"peer\": \"Go\", \"workload\": \"%s\", \"threads\": 1", workload)
	measure(workload, n)
	fmt.Printf(", \"n\": %d}\n", n)
}
