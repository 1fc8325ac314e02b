//go:build wasip1

package weft

import (
	"errors"
	"io"
)

//go:wasmimport wasi:io/streams@0.2.0 [method]input-stream.blocking-read
func inputBlockingRead(stream uint32, length uint64, result uint32)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]input-stream
func inputDrop(stream uint32)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.blocking-write-and-flush
func outputWrite(stream, contents, contentsLen, result uint32)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]output-stream
func outputDrop(stream uint32)

//go:wasmimport wasi:io/error@0.2.0 [method]error.to-debug-string
func errorText(handle, result uint32)

//go:wasmimport wasi:io/error@0.2.0 [resource-drop]error
func errorDrop(handle uint32)

const (
	readBytes = 64 << 10
	// As much as one call writes.
	writeBytes = 4096
)

// inputStream reads what the host hands out.
type inputStream uint32

func (s inputStream) Read(into []byte) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	defer keep()
	result := newArea(12)
	inputBlockingRead(uint32(s), uint64(min(len(into), readBytes)), result.address())
	if result.byte(0) != 0 {
		return 0, streamError(result, 4)
	}
	return copy(into, bytesAt(result.number(4), result.number(8))), nil
}

// streamError reads the error of a stream: io.EOF for one that is at its end.
func streamError(result area, at int) error {
	if result.byte(at) == 1 {
		return io.EOF
	}
	handle := result.number(at + 4)
	said := newArea(8)
	errorText(handle, said.address())
	err := errors.New("the stream failed: " + said.text(0))
	errorDrop(handle)
	return err
}

// outputStream writes all of what it is given.
type outputStream uint32

func (s outputStream) Write(content []byte) (int, error) {
	written := 0
	for written < len(content) {
		chunk := content[written:min(written+writeBytes, len(content))]
		result := newArea(12)
		outputWrite(uint32(s), address(chunk), uint32(len(chunk)), result.address())
		if result.byte(0) != 0 {
			err := streamError(result, 4)
			keep(content)
			return written, err
		}
		keep(content)
		written += len(chunk)
	}
	return written, nil
}
