package weft

import (
	"bytes"
	"io"
	"time"
)

// Container holds objects: bytes that are too long for key-value storage, or that are read and written
// piece by piece. The platform's in a component, in memory elsewhere.
type Container struct {
	name string
	host hostContainer
}

// ObjectInfo is what is known of an object.
type ObjectInfo struct {
	Size uint64
	// Created is when it was written, to the second.
	Created time.Time
}

// allBytes is the end of a range that has none.
const allBytes = ^uint64(0)

// Get gives the whole object; false where it is absent.
func (c Container) Get(name string) ([]byte, bool, error) { return c.GetRange(name, 0, allBytes) }

// GetRange gives the bytes from start up to, not including, end, as far as there are any; false where
// the object is absent.
func (c Container) GetRange(name string, start, end uint64) ([]byte, bool, error) {
	object, found, err := c.open(name, start, end)
	if err != nil || !found {
		return nil, false, err
	}
	defer object.Close()
	content, err := io.ReadAll(object)
	return content, err == nil, err
}

// Open reads an object piece by piece; false where it is absent. When it is replaced or deleted
// meanwhile, reading on fails.
func (c Container) Open(name string) (io.ReadCloser, bool, error) { return c.open(name, 0, allBytes) }

// Put creates the object or replaces it. When this returns, it is on disk.
func (c Container) Put(name string, content []byte) error {
	return c.PutFrom(name, bytes.NewReader(content))
}
