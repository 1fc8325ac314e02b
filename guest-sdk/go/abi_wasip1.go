//go:build wasip1

package weft

import (
	"encoding/binary"
	"math"
	"runtime"
	"unsafe"
)

// What follows is the canonical ABI of components, as far as the interfaces of the platform need it.

// ready says that the runtime of the language is: before, only the platform's adapter asks for memory.
var ready bool

func init() { ready = true }

// pinned keeps what the host has written, or will read, until the call that it belongs to is over.
var pinned [][]byte

//go:linkname sbrk runtime.sbrk
func sbrk(n uintptr) unsafe.Pointer

// The collector reads the clock, which no import may do while the host asks for memory.
//
//go:wasmimport wasi_snapshot_preview1 adapter_monotonic_clock_set_paused
func pauseClock(paused bool)

//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	if old != nil {
		panic("nothing is allocated a second time")
	}
	if !ready {
		at := uintptr(sbrk(uintptr(size + align)))
		return unsafe.Pointer((at + uintptr(align) - 1) &^ (uintptr(align) - 1))
	}
	pauseClock(true)
	memory := allocate(size)
	pauseClock(false)
	return unsafe.Pointer(unsafe.SliceData(memory))
}

// allocate gives memory that is aligned for everything, and stays until the call is over.
func allocate(size uint32) []byte {
	words := make([]uint64, size/8+1)
	memory := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)[:size:size]
	pinned = append(pinned, memory)
	return memory
}

func release() { pinned = pinned[:0] }

func address(memory []byte) uint32 {
	if len(memory) == 0 {
		return 8
	}
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(memory))))
}

// text is a string as two numbers. It stays where it is for as long as the caller holds it.
func text(value string) (uint32, uint32) {
	if value == "" {
		return 8, 0
	}
	return uint32(uintptr(unsafe.Pointer(unsafe.StringData(value)))), uint32(len(value))
}

func bytesAt(at, length uint32) []byte {
	if length == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(at))), length)
}

// textAt copies a string that the host has written.
func textAt(at, length uint32) string { return string(bytesAt(at, length)) }

// area is memory that a call's result is written to, or read from.
type area []byte

func newArea(size uint32) area { return area(allocate(size)) }

func (a area) address() uint32            { return address(a) }
func (a area) byte(at int) byte           { return a[at] }
func (a area) number(at int) uint32       { return binary.LittleEndian.Uint32(a[at:]) }
func (a area) long(at int) uint64         { return binary.LittleEndian.Uint64(a[at:]) }
func (a area) float(at int) float64       { return math.Float64frombits(binary.LittleEndian.Uint64(a[at:])) }
func (a area) text(at int) string         { return textAt(a.number(at), a.number(at+4)) }
func (a area) set(at int, value uint32)   { binary.LittleEndian.PutUint32(a[at:], value) }
func (a area) setFloat(at int, v float64) { binary.LittleEndian.PutUint64(a[at:], math.Float64bits(v)) }

// optional reads option<string>.
func (a area) optional(at int) (string, bool) {
	if a.byte(at) == 0 {
		return "", false
	}
	return a.text(at + 4), true
}

// setText writes a string, which is kept until the call is over.
func (a area) setText(at int, value string) {
	memory := allocate(uint32(len(value)))
	copy(memory, value)
	a.set(at, address(memory))
	a.set(at+4, uint32(len(value)))
}

func (a area) setOptional(at int, value string) {
	if value != "" {
		a[at] = 1
		a.setText(at+4, value)
	}
}

// keep ends a call of the platform: until then the values stay where they are, and afterwards nothing
// that the host has written is looked at.
func keep(values ...any) {
	for _, value := range values {
		runtime.KeepAlive(value)
	}
	release()
}

func option(value string) (uint32, uint32, uint32) {
	if value == "" {
		return 0, 0, 0
	}
	at, length := text(value)
	return 1, at, length
}
