//go:build wasip1

package weft

import (
	"fmt"
	"os"
	"time"
)

//go:wasmimport weft:functions/entity-context@0.1.0 get-state
func contextGetState(result uint32)

//go:wasmimport weft:functions/entity-context@0.1.0 set-state
func contextSetState(has, state, stateLen uint32)

//go:wasmimport weft:functions/entity-context@0.1.0 signal
func contextSignal(entity, entityLen, operation, operationLen, input, inputLen, hasAt uint32, atMs float64)

//go:wasmimport weft:functions/entity-context@0.1.0 start
func contextStart(name, nameLen, input, inputLen, hasID, id, idLen, result uint32)

// outcome writes result<string, failure>. What it holds stays until the host has read it.
func outcome(run func() (string, error)) uint32 {
	output, err := guarded(run)
	result := newArea(36)
	if err == nil {
		result.setText(4, output)
		return result.address()
	}
	failure := FailureOf(err)
	if failure.Kind == "panic" {
		fmt.Fprintln(os.Stderr, failure.Message)
	}
	result[0] = 1
	result.setText(4, failure.Kind)
	result.setText(12, failure.Message)
	if failure.Retryable {
		result[20] = 1
	}
	result.setOptional(24, string(failure.Details))
	return result.address()
}

func guarded(run func() (string, error)) (output string, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = caught(panicked)
		}
	}()
	return run()
}

//go:wasmexport weft:functions/activity@0.1.0#run
func exportActivity(name, nameLen, input, inputLen, id, idLen, key, keyLen, attempt uint32) uint32 {
	return outcome(func() (string, error) {
		found, err := find(textAt(name, nameLen))
		if err != nil || found.activity == nil {
			return "", notHere(err, textAt(name, nameLen))
		}
		call := Call{textAt(id, idLen), textAt(key, keyLen), attempt}
		return found.activity(call, textAt(input, inputLen))
	})
}

//go:wasmexport weft:functions/orchestrator@0.1.0#run
func exportOrchestrator(name, nameLen, input, inputLen uint32) uint32 {
	return outcome(func() (string, error) {
		found, err := find(textAt(name, nameLen))
		if err != nil || found.orchestrate == nil {
			return "", notHere(err, textAt(name, nameLen))
		}
		return found.orchestrate(platform{}, textAt(input, inputLen))
	})
}

func notHere(err error, name string) error {
	if err != nil {
		return err
	}
	return Permanent("not-found", "this component holds no such function named "+name)
}

type contextOutbox struct{}

func (contextOutbox) Signal(entity, operation, input string, at time.Time) {
	defer keep(entity, operation, input)
	e, el := text(entity)
	o, ol := text(operation)
	i, il := text(input)
	hasAt, atMs := sinceEpoch(at)
	contextSignal(e, el, o, ol, i, il, hasAt, atMs)
}

func (contextOutbox) Start(name, input, instanceID string) string {
	defer keep(name, input, instanceID)
	n, nl := text(name)
	i, il := text(input)
	has, id, idLen := option(instanceID)
	result := newArea(8)
	contextStart(n, nl, i, il, has, id, idLen, result.address())
	return result.text(0)
}

//go:wasmexport weft:functions/entity@0.1.0#names
func exportEntityNames() uint32 {
	var names []string
	for _, e := range entries {
		if e.entity != nil {
			names = append(names, e.name)
		}
	}
	result := newArea(8)
	at, count := list(names)
	result.set(0, at)
	result.set(4, count)
	return result.address()
}

//go:wasmexport weft:functions/entity@0.1.0#run
func exportEntity(name, nameLen, key, keyLen, operation, operationLen, input, inputLen uint32) uint32 {
	return outcome(func() (string, error) {
		found, err := find(textAt(name, nameLen))
		if err != nil || found.entity == nil {
			return "", notHere(err, textAt(name, nameLen))
		}
		result := newArea(12)
		contextGetState(result.address())
		var before *string
		if state, there := result.optional(0); there {
			before = &state
		}
		asked := &Operation{Key: textAt(key, keyLen), Name: textAt(operation, operationLen), outbox: contextOutbox{}}
		after, answer, err := found.entity(before, asked, textAt(input, inputLen))
		if err != nil {
			return "", err
		}
		if after == nil {
			contextSetState(0, 0, 0)
			return answer, nil
		}
		at, length := text(*after)
		contextSetState(1, at, length)
		keep(after)
		return answer, nil
	})
}

//go:wasmexport weft:functions/describe@0.1.0#describe
func exportDescribe() uint32 {
	const size = 68
	var described []*entry
	for _, e := range entries {
		if e.entity == nil {
			described = append(described, e)
		}
	}
	functions := newArea(uint32(len(described) * size))
	for place, e := range described {
		function := functions[place*size:]
		function.setText(0, e.name)
		switch {
		case e.http != nil:
			function[8] = 0
			function.setOptional(48, e.route)
		case e.orchestrate != nil:
			function[8] = 2
		default:
			function[8] = 1
		}
		function.setOptional(12, e.description)
		at, count := list(e.methods)
		function.set(60, at)
		function.set(64, count)
	}
	result := newArea(8)
	result.set(0, functions.address())
	result.set(4, uint32(len(described)))
	return result.address()
}

//go:wasmexport cabi_post_weft:functions/activity@0.1.0#run
func postActivity(uint32) { release() }

//go:wasmexport cabi_post_weft:functions/orchestrator@0.1.0#run
func postOrchestrator(uint32) { release() }

//go:wasmexport cabi_post_weft:functions/entity@0.1.0#run
func postEntity(uint32) { release() }
