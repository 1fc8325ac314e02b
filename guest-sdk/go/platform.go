package weft

import (
	"encoding/json"
	"errors"
	"strconv"
	"sync"
)

// Errors of the platform, to be compared with errors.Is.
var (
	ErrNotFound      = errors.New("there is no such instance or function")
	ErrAlreadyExists = errors.New("an instance of that id exists and has not ended")
	ErrEnded         = errors.New("the instance has ended")
	// ErrInvalid wraps the reason.
	ErrInvalid = errors.New("the call can never succeed as it is")
	// ErrUnavailable wraps the reason; another try may succeed.
	ErrUnavailable = errors.New("the platform is not available")
	// ErrNoSuchBucket and ErrAccessDenied are those of storage.
	ErrNoSuchBucket = errors.New("there is no such bucket")
	ErrAccessDenied = errors.New("access to the bucket is denied")
)

// Status is what is known of an orchestration.
type Status struct {
	InstanceID, Name string
	// RuntimeStatus is pending, running, suspended, completed, failed or terminated.
	RuntimeStatus string
	// CreatedMs and UpdatedMs are milliseconds since 1970.
	CreatedMs, UpdatedMs float64
	// Input, CustomStatus and Output are JSON, or empty.
	Input, CustomStatus, Output json.RawMessage
}

// HasEnded tells whether it is completed, failed or terminated.
func (s Status) HasEnded() bool {
	return s.RuntimeStatus == "completed" || s.RuntimeStatus == "failed" || s.RuntimeStatus == "terminated"
}

// Bucket holds keys and values: the platform's in a component, in memory elsewhere.
type Bucket struct {
	name string
	host hostBucket
}

// GetJSON reads the value under a key; false where the key is absent.
func (b Bucket) GetJSON(key string, into any) (bool, error) {
	value, found, err := b.Get(key)
	if err != nil || !found {
		return false, err
	}
	return true, json.Unmarshal(value, into)
}

// SetJSON writes a value as JSON.
func (b Bucket) SetJSON(key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Set(key, text)
}

// memory is the storage of tests.
var memory struct {
	sync.Mutex
	buckets map[string]map[string][]byte
}

// ClearMemory empties the storage of tests.
func ClearMemory() {
	clearObjects()
	memory.Lock()
	defer memory.Unlock()
	memory.buckets = nil
}

func inMemory[T any](bucket string, action func(map[string][]byte) T) T {
	memory.Lock()
	defer memory.Unlock()
	if memory.buckets == nil {
		memory.buckets = map[string]map[string][]byte{}
	}
	if memory.buckets[bucket] == nil {
		memory.buckets[bucket] = map[string][]byte{}
	}
	return action(memory.buckets[bucket])
}

func incrementInMemory(values map[string][]byte, key string, delta uint64) uint64 {
	sum, _ := strconv.ParseUint(string(values[key]), 10, 64)
	sum += delta
	values[key] = []byte(strconv.FormatUint(sum, 10))
	return sum
}
