//go:build wasip1

package weft

import (
	"encoding/json"
	"fmt"
	"time"
)

//go:wasmimport weft:functions/durable@0.1.0 call-activity
func durableCallActivity(name, nameLen, input, inputLen, hasRetry, attempts uint32, first, coefficient float64, hasMax uint32, most float64, hasTotal uint32, total float64, kinds, kindsLen uint32) uint32

//go:wasmimport weft:functions/durable@0.1.0 call-sub-orchestrator
func durableCallSubOrchestrator(arguments uint32) uint32

//go:wasmimport weft:functions/durable@0.1.0 create-timer
func durableCreateTimer(delayMs float64) uint32

//go:wasmimport weft:functions/durable@0.1.0 cancel
func durableCancel(task uint32)

//go:wasmimport weft:functions/durable@0.1.0 wait-for-event
func durableWaitForEvent(name, nameLen uint32) uint32

//go:wasmimport weft:functions/durable@0.1.0 send-event
func durableSendEvent(id, idLen, name, nameLen, payload, payloadLen uint32)

//go:wasmimport weft:functions/durable@0.1.0 is-ready
func durableIsReady(task uint32) uint32

//go:wasmimport weft:functions/durable@0.1.0 wait-any
func durableWaitAny(tasks, count uint32) uint32

//go:wasmimport weft:functions/durable@0.1.0 wait
func durableWait(task, result uint32)

//go:wasmimport weft:functions/durable@0.1.0 continue-as-new
func durableContinueAsNew(input, inputLen, keepEvents uint32)

//go:wasmimport weft:functions/durable@0.1.0 set-custom-status
func durableSetCustomStatus(status, statusLen uint32)

//go:wasmimport weft:functions/durable@0.1.0 now-ms
func durableNowMs() float64

//go:wasmimport weft:functions/durable@0.1.0 new-guid
func durableNewGUID(result uint32)

//go:wasmimport weft:functions/durable@0.1.0 is-replaying
func durableIsReplaying() uint32

//go:wasmimport weft:functions/durable@0.1.0 instance-id
func durableInstanceID(result uint32)

//go:wasmimport weft:functions/entities@0.1.0 call
func entitiesCall(entity, entityLen, operation, operationLen, input, inputLen uint32) uint32

//go:wasmimport weft:functions/entities@0.1.0 signal
func entitiesSignal(entity, entityLen, operation, operationLen, input, inputLen, hasAt uint32, atMs float64)

//go:wasmimport weft:functions/entities@0.1.0 lock
func entitiesLock(entities, count uint32) uint32

//go:wasmimport weft:functions/entities@0.1.0 unlock
func entitiesUnlock(lock uint32)

// platform is the one that runs this component.
type platform struct{}

func millis(duration time.Duration) float64 { return float64(duration) / float64(time.Millisecond) }

func optionalMillis(duration time.Duration) (uint32, float64) {
	if duration <= 0 {
		return 0, 0
	}
	return 1, millis(duration)
}

// list writes list<string>.
func list(values []string) (uint32, uint32) {
	written := newArea(uint32(len(values) * 8))
	for place, value := range values {
		written.setText(place*8, value)
	}
	return written.address(), uint32(len(values))
}

func (platform) CallActivity(name, input string, retry *Retry) uint32 {
	n, nl := text(name)
	i, il := text(input)
	defer keep(name, input)
	if retry == nil {
		return durableCallActivity(n, nl, i, il, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	hasMax, most := optionalMillis(retry.MaxInterval)
	hasTotal, total := optionalMillis(retry.TotalTimeout)
	kinds, kindsLen := list(retry.NonRetryable)
	return durableCallActivity(n, nl, i, il, 1, retry.MaxAttempts, millis(retry.FirstInterval), retry.Coefficient,
		hasMax, most, hasTotal, total, kinds, kindsLen)
}

func (platform) CallSubOrchestrator(name, input, instanceID string, retry *Retry) uint32 {
	defer keep()
	arguments := newArea(104)
	arguments.setText(0, name)
	arguments.setText(8, input)
	arguments.setOptional(16, instanceID)
	if retry != nil {
		arguments[32] = 1
		arguments.set(40, retry.MaxAttempts)
		arguments.setFloat(48, millis(retry.FirstInterval))
		arguments.setFloat(56, retry.Coefficient)
		hasMax, most := optionalMillis(retry.MaxInterval)
		arguments[64] = byte(hasMax)
		arguments.setFloat(72, most)
		hasTotal, total := optionalMillis(retry.TotalTimeout)
		arguments[80] = byte(hasTotal)
		arguments.setFloat(88, total)
		kinds, kindsLen := list(retry.NonRetryable)
		arguments.set(96, kinds)
		arguments.set(100, kindsLen)
	}
	return durableCallSubOrchestrator(arguments.address())
}

func (platform) CreateTimer(delay time.Duration) uint32 { return durableCreateTimer(millis(delay)) }
func (platform) Cancel(task uint32)                     { durableCancel(task) }

func (platform) WaitForEvent(name string) uint32 {
	defer keep(name)
	n, nl := text(name)
	return durableWaitForEvent(n, nl)
}

func (platform) SendEvent(instanceID, name, payload string) {
	defer keep(instanceID, name, payload)
	i, il := text(instanceID)
	n, nl := text(name)
	p, pl := text(payload)
	durableSendEvent(i, il, n, nl, p, pl)
}

func (platform) CallEntity(entity, operation, input string) uint32 {
	defer keep(entity, operation, input)
	e, el := text(entity)
	o, ol := text(operation)
	i, il := text(input)
	return entitiesCall(e, el, o, ol, i, il)
}

func (platform) SignalEntity(entity, operation, input string, at time.Time) {
	defer keep(entity, operation, input)
	e, el := text(entity)
	o, ol := text(operation)
	i, il := text(input)
	hasAt, atMs := sinceEpoch(at)
	entitiesSignal(e, el, o, ol, i, il, hasAt, atMs)
}

func sinceEpoch(at time.Time) (uint32, float64) {
	if at.IsZero() {
		return 0, 0
	}
	return 1, float64(at.UnixMilli())
}

func (platform) Lock(entities []string) uint32 {
	defer keep()
	return entitiesLock(list(entities))
}

func (platform) Unlock(lock uint32)       { entitiesUnlock(lock) }
func (platform) IsReady(task uint32) bool { return durableIsReady(task) != 0 }

func (platform) WaitAny(tasks []uint32) int {
	defer keep()
	numbers := newArea(uint32(len(tasks) * 4))
	for place, task := range tasks {
		numbers.set(place*4, task)
	}
	return int(durableWaitAny(numbers.address(), uint32(len(tasks))))
}

func (platform) Result(task uint32) (string, *Failure) {
	defer keep()
	result := newArea(36)
	durableWait(task, result.address())
	if result.byte(0) == 0 {
		return result.text(4), nil
	}
	failure := &Failure{Kind: result.text(4), Message: result.text(12), Retryable: result.byte(20) != 0}
	if details, found := result.optional(24); found {
		failure.Details = json.RawMessage(details)
	}
	return "", failure
}

func (platform) ContinueAsNew(input string, keepEvents bool) {
	defer keep(input)
	i, il := text(input)
	var kept uint32
	if keepEvents {
		kept = 1
	}
	durableContinueAsNew(i, il, kept)
}

func (platform) SetCustomStatus(status string) {
	defer keep(status)
	durableSetCustomStatus(text(status))
}

func (platform) Now() time.Time { return time.UnixMilli(int64(durableNowMs())).UTC() }

func (platform) NewGUID() string {
	defer keep()
	result := newArea(8)
	durableNewGUID(result.address())
	return result.text(0)
}

func (platform) IsReplaying() bool { return durableIsReplaying() != 0 }

func (platform) InstanceID() string {
	defer keep()
	result := newArea(8)
	durableInstanceID(result.address())
	return result.text(0)
}

//go:wasmimport weft:functions/client@0.1.0 start
func clientStart(name, nameLen, input, inputLen, hasID, id, idLen, result uint32)

//go:wasmimport weft:functions/client@0.1.0 get-status
func clientGetStatus(id, idLen, result uint32)

//go:wasmimport weft:functions/client@0.1.0 wait-for-completion
func clientWait(id, idLen uint32, limitMs float64, result uint32)

//go:wasmimport weft:functions/client@0.1.0 raise-event
func clientRaiseEvent(id, idLen, name, nameLen, payload, payloadLen, result uint32)

//go:wasmimport weft:functions/client@0.1.0 terminate
func clientTerminate(id, idLen, reason, reasonLen, result uint32)

//go:wasmimport weft:functions/entity-client@0.1.0 signal
func entityClientSignal(entity, entityLen, operation, operationLen, input, inputLen, hasAt uint32, atMs float64, result uint32)

//go:wasmimport weft:functions/entity-client@0.1.0 get-state
func entityClientGetState(entity, entityLen, result uint32)

// refused reads the error of the client interfaces, whose cases are counted at that place.
func refused(result area, at int) error {
	switch result.byte(at) {
	case 0:
		return ErrNotFound
	case 1:
		return ErrAlreadyExists
	case 2:
		return ErrEnded
	case 3:
		return fmt.Errorf("%w: %s", ErrInvalid, result.text(at+4))
	default:
		return fmt.Errorf("%w: %s", ErrUnavailable, result.text(at+4))
	}
}

func unit(result area) error {
	if result.byte(0) == 0 {
		return nil
	}
	return refused(result, 4)
}

// Start starts an orchestration and gives its id; a new one where none is given. When this returns,
// the start is on disk.
func Start(orchestrator string, input any, instanceID string) (string, error) {
	payload := mustWrite(input)
	defer keep(orchestrator, payload, instanceID)
	n, nl := text(orchestrator)
	i, il := text(payload)
	has, id, idLen := option(instanceID)
	result := newArea(16)
	clientStart(n, nl, i, il, has, id, idLen, result.address())
	if result.byte(0) == 0 {
		return result.text(4), nil
	}
	return "", refused(result, 4)
}

// GetStatus gives what is known of an orchestration.
func GetStatus(instanceID string) (Status, error) {
	defer keep(instanceID)
	id, idLen := text(instanceID)
	result := newArea(88)
	clientGetStatus(id, idLen, result.address())
	return status(result)
}

// WaitForCompletion waits at most that long for the end; the status is that of the time when the wait
// ended.
func WaitForCompletion(instanceID string, limit time.Duration) (Status, error) {
	defer keep(instanceID)
	id, idLen := text(instanceID)
	result := newArea(88)
	clientWait(id, idLen, millis(limit), result.address())
	return status(result)
}

func status(result area) (Status, error) {
	if result.byte(0) != 0 {
		return Status{}, refused(result, 8)
	}
	names := [...]string{"pending", "running", "suspended", "completed", "failed", "terminated"}
	read := func(at int) json.RawMessage {
		value, _ := result.optional(at)
		return json.RawMessage(value)
	}
	return Status{
		InstanceID:    result.text(8),
		Name:          result.text(16),
		RuntimeStatus: names[result.byte(24)],
		CreatedMs:     result.float(32),
		UpdatedMs:     result.float(40),
		Input:         read(48),
		CustomStatus:  read(60),
		Output:        read(72),
	}, nil
}

// RaiseEvent sends an event to an orchestration.
func RaiseEvent(instanceID, name string, payload any) error {
	written := mustWrite(payload)
	defer keep(instanceID, name, written)
	id, idLen := text(instanceID)
	n, nl := text(name)
	p, pl := text(written)
	result := newArea(16)
	clientRaiseEvent(id, idLen, n, nl, p, pl, result.address())
	return unit(result)
}

// Terminate ends an orchestration without its help.
func Terminate(instanceID, reason string) error {
	defer keep(instanceID, reason)
	id, idLen := text(instanceID)
	r, rl := text(reason)
	result := newArea(16)
	clientTerminate(id, idLen, r, rl, result.address())
	return unit(result)
}

// Signal sends an operation to an entity; when this returns, it is on disk.
func Signal(entity EntityID, operation string, input any) error {
	name, payload := entity.String(), mustWrite(input)
	defer keep(name, operation, payload)
	e, el := text(name)
	o, ol := text(operation)
	i, il := text(payload)
	result := newArea(16)
	entityClientSignal(e, el, o, ol, i, il, 0, 0, result.address())
	return unit(result)
}

// State reads the state of an entity; false where there is none.
func State(entity EntityID, into any) (bool, error) {
	name := entity.String()
	defer keep(name)
	e, el := text(name)
	result := newArea(16)
	entityClientGetState(e, el, result.address())
	if result.byte(0) != 0 {
		return false, refused(result, 4)
	}
	state, found := result.optional(4)
	if !found {
		return false, nil
	}
	return true, json.Unmarshal([]byte(state), into)
}

//go:wasmimport wasi:keyvalue/store@0.2.0-draft open
func storeOpen(name, nameLen, result uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.get
func bucketGet(bucket, key, keyLen, result uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.set
func bucketSet(bucket, key, keyLen, value, valueLen, result uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.delete
func bucketDelete(bucket, key, keyLen, result uint32)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft increment
func atomicsIncrement(bucket, key, keyLen uint32, delta uint64, result uint32)

//go:wasmimport wasi:config/store@0.2.0-rc.1 get
func configGet(key, keyLen, result uint32)

//go:wasmimport wasi:logging/logging@0.1.0-draft log
func loggingLog(level, context, contextLen, message, messageLen uint32)

type hostBucket uint32

func storage(result area, at int) error {
	switch result.byte(at) {
	case 0:
		return ErrNoSuchBucket
	case 1:
		return ErrAccessDenied
	default:
		return fmt.Errorf("the storage failed: %s", result.text(at+4))
	}
}

// OpenBucket opens a bucket; every app has the bucket "default".
func OpenBucket(name string) (Bucket, error) {
	defer keep(name)
	n, nl := text(name)
	result := newArea(16)
	storeOpen(n, nl, result.address())
	if result.byte(0) != 0 {
		return Bucket{}, storage(result, 4)
	}
	return Bucket{name, hostBucket(result.number(4))}, nil
}

// Get gives the value under a key; false where the key is absent.
func (b Bucket) Get(key string) ([]byte, bool, error) {
	defer keep(key)
	k, kl := text(key)
	result := newArea(16)
	bucketGet(uint32(b.host), k, kl, result.address())
	if result.byte(0) != 0 {
		return nil, false, storage(result, 4)
	}
	value, found := result.optional(4)
	return []byte(value), found, nil
}

// Set creates the key or replaces its value.
func (b Bucket) Set(key string, value []byte) error {
	defer keep(key, value)
	k, kl := text(key)
	result := newArea(16)
	bucketSet(uint32(b.host), k, kl, address(value), uint32(len(value)), result.address())
	if result.byte(0) != 0 {
		return storage(result, 4)
	}
	return nil
}

// Delete does nothing where the key is absent.
func (b Bucket) Delete(key string) error {
	defer keep(key)
	k, kl := text(key)
	result := newArea(16)
	bucketDelete(uint32(b.host), k, kl, result.address())
	if result.byte(0) != 0 {
		return storage(result, 4)
	}
	return nil
}

// Increment adds to the number under the key (zero where absent) and gives the sum; callers at the
// same time do not lose each other's additions.
func (b Bucket) Increment(key string, delta uint64) (uint64, error) {
	defer keep(key)
	k, kl := text(key)
	result := newArea(24)
	atomicsIncrement(uint32(b.host), k, kl, delta, result.address())
	if result.byte(0) != 0 {
		return 0, storage(result, 8)
	}
	return uint64(result.number(8)) | uint64(result.number(12))<<32, nil
}

// Config gives a configuration value of the function; false where there is none.
func Config(key string) (string, bool, error) {
	defer keep(key)
	k, kl := text(key)
	result := newArea(16)
	configGet(k, kl, result.address())
	if result.byte(0) != 0 {
		return "", false, fmt.Errorf("the configuration could not be read: %s", result.text(8))
	}
	value, found := result.optional(4)
	return value, found, nil
}

// Log logs a message: level is trace, debug, info, warn, error or critical.
func Log(level, message string) {
	levels := map[string]uint32{"trace": 0, "debug": 1, "info": 2, "warn": 3, "error": 4, "critical": 5}
	defer keep(message)
	m, ml := text(message)
	loggingLog(levels[level], 8, 0, m, ml)
}
