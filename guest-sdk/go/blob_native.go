//go:build !wasip1

package weft

import (
	"bytes"
	"io"
	"sort"
	"sync"
	"time"
)

type hostContainer struct{}

type object struct {
	content []byte
	created time.Time
}

// objects is the storage of tests.
var objects struct {
	sync.Mutex
	containers map[string]map[string]object
}

// inContainer looks at what a container has.
func inContainer(name string, action func(map[string]object)) {
	objects.Lock()
	defer objects.Unlock()
	if objects.containers == nil {
		objects.containers = map[string]map[string]object{}
	}
	if objects.containers[name] == nil {
		objects.containers[name] = map[string]object{}
	}
	action(objects.containers[name])
}

func clearObjects() {
	objects.Lock()
	defer objects.Unlock()
	objects.containers = nil
}

// OpenContainer opens a container of the app, and makes it where there is none of that name.
func OpenContainer(name string) (Container, error) { return Container{name: name}, nil }

// RemoveContainer removes a container with all that is in it; an absent one is no error.
func RemoveContainer(name string) error {
	inContainer(name, func(map[string]object) { delete(objects.containers, name) })
	return nil
}

func (c Container) open(name string, start, end uint64) (io.ReadCloser, bool, error) {
	found, there := c.find(name)
	if !there {
		return nil, false, nil
	}
	end = min(end, uint64(len(found.content)))
	return io.NopCloser(bytes.NewReader(found.content[min(start, end):end])), true, nil
}

func (c Container) find(name string) (found object, there bool) {
	inContainer(c.name, func(all map[string]object) { found, there = all[name] })
	return found, there
}

// PutFrom creates the object or replaces it, of what is read to its end. When this returns, it is on
// disk; nobody sees any of it before.
func (c Container) PutFrom(name string, content io.Reader) error {
	whole, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	inContainer(c.name, func(all map[string]object) { all[name] = object{whole, time.Now()} })
	return nil
}

// Info gives what is known of an object; false where it is absent.
func (c Container) Info(name string) (ObjectInfo, bool, error) {
	found, there := c.find(name)
	return ObjectInfo{uint64(len(found.content)), found.created}, there, nil
}

// Delete does nothing where the object is absent.
func (c Container) Delete(name string) error {
	inContainer(c.name, func(all map[string]object) { delete(all, name) })
	return nil
}

// Names gives all names, in order.
func (c Container) Names() ([]string, error) {
	names := []string{}
	inContainer(c.name, func(all map[string]object) {
		for name := range all {
			names = append(names, name)
		}
	})
	sort.Strings(names)
	return names, nil
}
