//go:build wasip1

package weft

import (
	"errors"
	"io"
	"time"
)

//go:wasmimport wasi:blobstore/blobstore@0.2.0-draft create-container
func blobstoreCreate(name, nameLen, result uint32)

//go:wasmimport wasi:blobstore/blobstore@0.2.0-draft delete-container
func blobstoreDelete(name, nameLen, result uint32)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [method]container.has-object
func containerHas(container, name, nameLen, result uint32)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [method]container.object-info
func containerInfo(container, name, nameLen, result uint32)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [method]container.get-data
func containerGet(container, name, nameLen uint32, start, end uint64, result uint32)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [method]container.write-data
func containerWrite(container, name, nameLen, value, result uint32)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [method]container.delete-object
func containerDelete(container, name, nameLen, result uint32)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [method]container.list-objects
func containerList(container, result uint32)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [method]stream-object-names.read-stream-object-names
func namesRead(listing uint32, length uint64, result uint32)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [resource-drop]stream-object-names
func namesDrop(listing uint32)

//go:wasmimport wasi:blobstore/types@0.2.0-draft [static]outgoing-value.new-outgoing-value
func newOutgoingValue() uint32

//go:wasmimport wasi:blobstore/types@0.2.0-draft [method]outgoing-value.outgoing-value-write-body
func outgoingValueBody(value, result uint32)

//go:wasmimport wasi:blobstore/types@0.2.0-draft [static]outgoing-value.finish
func outgoingValueFinish(value, result uint32)

//go:wasmimport wasi:blobstore/types@0.2.0-draft [resource-drop]outgoing-value
func outgoingValueDrop(value uint32)

//go:wasmimport wasi:blobstore/types@0.2.0-draft [static]incoming-value.incoming-value-consume-async
func incomingValueStream(value, result uint32)

type hostContainer uint32

// clearObjects has nothing to do: there are no objects of tests in a component.
func clearObjects() {}

// blobCall calls a function of the storage that gives result<T, string>, and leaves T to read. What it
// gives is at `at`, the alignment of T.
func blobCall(size uint32, at int, ask func(result uint32), read func(area)) error {
	defer keep()
	result := newArea(size)
	ask(result.address())
	if result.byte(0) != 0 {
		return errors.New(result.text(at))
	}
	if read != nil {
		read(result)
	}
	return nil
}

// blobHandle is for result<own<T>, string>.
func blobHandle(ask func(result uint32)) (handle uint32, err error) {
	err = blobCall(12, 4, ask, func(result area) { handle = result.number(4) })
	return handle, err
}

// OpenContainer opens a container of the app, and makes it where there is none of that name.
func OpenContainer(name string) (Container, error) {
	n, nl := text(name)
	handle, err := blobHandle(func(result uint32) { blobstoreCreate(n, nl, result) })
	keep(name)
	return Container{name, hostContainer(handle)}, err
}

// RemoveContainer removes a container with all that is in it; an absent one is no error.
func RemoveContainer(name string) error {
	defer keep(name)
	n, nl := text(name)
	return blobCall(12, 4, func(result uint32) { blobstoreDelete(n, nl, result) }, nil)
}

func (c Container) has(name string) (there bool, err error) {
	defer keep(name)
	n, nl := text(name)
	ask := func(result uint32) { containerHas(uint32(c.host), n, nl, result) }
	err = blobCall(12, 4, ask, func(result area) { there = result.byte(4) != 0 })
	return there, err
}

func (c Container) open(name string, start, end uint64) (io.ReadCloser, bool, error) {
	there, err := c.has(name)
	if err != nil || !there {
		return nil, false, err
	}
	if end <= start {
		return io.NopCloser(eof{}), true, nil
	}
	defer keep(name)
	n, nl := text(name)
	value, err := blobHandle(func(result uint32) { containerGet(uint32(c.host), n, nl, start, end-1, result) })
	if err != nil {
		return nil, false, err
	}
	stream, err := blobHandle(func(result uint32) { incomingValueStream(value, result) })
	return objectReader{inputStream(stream)}, err == nil, err
}

// eof has nothing to read.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

type objectReader struct{ inputStream }

// Close gives the stream back.
func (r objectReader) Close() error {
	inputDrop(uint32(r.inputStream))
	return nil
}

// PutFrom creates the object or replaces it, of what is read to its end. When this returns, it is on
// disk; nobody sees any of it before.
func (c Container) PutFrom(name string, content io.Reader) error {
	defer keep(name)
	value := newOutgoingValue()
	n, nl := text(name)
	ask := func(result uint32) { containerWrite(uint32(c.host), n, nl, value, result) }
	err := blobCall(12, 4, ask, nil)
	if err == nil {
		stream, ok := handleOf(func(result uint32) { outgoingValueBody(value, result) })
		if ok {
			_, err = io.Copy(outputStream(stream), content)
			outputDrop(stream)
		} else {
			err = errors.New("too many objects are written at a time")
		}
	}
	if err != nil {
		outgoingValueDrop(value)
		return err
	}
	return blobCall(12, 4, func(result uint32) { outgoingValueFinish(value, result) }, nil)
}

// Info gives what is known of an object; false where it is absent.
func (c Container) Info(name string) (info ObjectInfo, there bool, err error) {
	there, err = c.has(name)
	if err != nil || !there {
		return info, false, err
	}
	defer keep(name)
	n, nl := text(name)
	ask := func(result uint32) { containerInfo(uint32(c.host), n, nl, result) }
	// Names of object and container come before.
	err = blobCall(40, 8, ask, func(result area) {
		info.Created = time.Unix(int64(result.long(24)), 0).UTC()
		info.Size = result.long(32)
	})
	return info, err == nil, err
}

// Delete does nothing where the object is absent.
func (c Container) Delete(name string) error {
	defer keep(name)
	n, nl := text(name)
	return blobCall(12, 4, func(result uint32) { containerDelete(uint32(c.host), n, nl, result) }, nil)
}

// Names gives all names, in order.
func (c Container) Names() ([]string, error) {
	listing, err := blobHandle(func(result uint32) { containerList(uint32(c.host), result) })
	if err != nil {
		return nil, err
	}
	defer namesDrop(listing)
	names := []string{}
	for ended := false; !ended; {
		err := blobCall(16, 4, func(result uint32) { namesRead(listing, 1000, result) }, func(result area) {
			page := area(bytesAt(result.number(4), result.number(8)*8))
			for ; len(page) >= 8; page = page[8:] {
				names = append(names, page.text(0))
			}
			ended = result.byte(12) != 0
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}
