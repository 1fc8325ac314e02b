// Package weft writes functions for weft in Go: activities, durable orchestrators and entities.
package weft

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
)

// Failure says why a function failed, as callers and retry policies see it. Any other error that a
// function returns becomes one: its kind is "error", and it is worth a retry.
type Failure struct {
	// Kind is a stable name that callers and retry policies compare.
	Kind string
	// Message is one sentence for a person.
	Message string
	// Retryable tells whether the same call may succeed later.
	Retryable bool
	// Details is JSON, or empty.
	Details json.RawMessage
}

// Error gives kind and message.
func (f *Failure) Error() string { return f.Kind + ": " + f.Message }

// Permanent is a failure that another try meets again.
func Permanent(kind, message string) *Failure {
	return &Failure{Kind: kind, Message: message}
}

// Transient is a failure that a later try may not meet.
func Transient(kind, message string) *Failure {
	return &Failure{Kind: kind, Message: message, Retryable: true}
}

// FailureOf is the failure that an error is for those who called the function.
func FailureOf(err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	return Transient("error", err.Error())
}

// caught makes a failure of what a function panicked with, with its stack.
func caught(panicked any) *Failure {
	if failure, ok := panicked.(*Failure); ok {
		return failure
	}
	details, _ := json.Marshal(map[string]string{"stack": string(debug.Stack())})
	return &Failure{Kind: "panic", Message: fmt.Sprint(panicked), Retryable: true, Details: details}
}
