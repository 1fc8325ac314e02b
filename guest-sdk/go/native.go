//go:build !wasip1

package weft

import (
	"fmt"
	"os"
	"time"
)

type hostBucket struct{}

var errNative = fmt.Errorf("%w: it is there in a component only", ErrUnavailable)

// OpenBucket opens a bucket; every app has the bucket "default".
func OpenBucket(name string) (Bucket, error) { return Bucket{name: name}, nil }

// Get gives the value under a key; false where the key is absent.
func (b Bucket) Get(key string) ([]byte, bool, error) {
	value := inMemory(b.name, func(values map[string][]byte) []byte { return values[key] })
	return value, value != nil, nil
}

// Set creates the key or replaces its value.
func (b Bucket) Set(key string, value []byte) error {
	inMemory(b.name, func(values map[string][]byte) any {
		values[key] = append([]byte{}, value...)
		return nil
	})
	return nil
}

// Delete does nothing where the key is absent.
func (b Bucket) Delete(key string) error {
	inMemory(b.name, func(values map[string][]byte) any { delete(values, key); return nil })
	return nil
}

// Increment adds to the number under the key and gives the sum.
func (b Bucket) Increment(key string, delta uint64) (uint64, error) {
	return inMemory(b.name, func(values map[string][]byte) uint64 {
		return incrementInMemory(values, key, delta)
	}), nil
}

// Config gives a configuration value; in tests those of the environment.
func Config(key string) (string, bool, error) {
	value, found := os.LookupEnv(key)
	return value, found, nil
}

// Log logs a message: level is trace, debug, info, warn, error or critical.
func Log(level, message string) { fmt.Fprintln(os.Stderr, level+": "+message) }

// Start starts an orchestration and gives its id; a new one where none is given.
func Start(orchestrator string, input any, instanceID string) (string, error) { return "", errNative }

// GetStatus gives what is known of an orchestration.
func GetStatus(instanceID string) (Status, error) { return Status{}, errNative }

// WaitForCompletion waits at most that long for the end.
func WaitForCompletion(instanceID string, limit time.Duration) (Status, error) {
	return Status{}, errNative
}

// RaiseEvent sends an event to an orchestration.
func RaiseEvent(instanceID, name string, payload any) error { return errNative }

// Terminate ends an orchestration without its help.
func Terminate(instanceID, reason string) error { return errNative }

// Signal sends an operation to an entity; when this returns, it is on disk.
func Signal(entity EntityID, operation string, input any) error { return errNative }

// State reads the state of an entity; false where there is none.
func State(entity EntityID, into any) (bool, error) { return false, errNative }
