package weft

import (
	"encoding/json"
	"strings"
	"time"
)

// EntityID names an entity of the same app: the name is that of the function, the key is free.
type EntityID struct{ Name, Key string }

// String gives @name@key.
func (id EntityID) String() string { return "@" + strings.ToLower(id.Name) + "@" + id.Key }

// Operation is an operation that runs, and what it may ask for. Nothing of it counts where the
// operation fails.
type Operation struct {
	// Key tells the entity from others of its name.
	Key string
	// Name is the operation's.
	Name      string
	input     string
	destroyed bool
	outbox    Outbox
}

// Outbox is where what an operation asks for goes.
type Outbox interface {
	Signal(entity, operation, input string, at time.Time)
	Start(name, input, instanceID string) string
}

// Input reads what the caller has given.
func (o *Operation) Input(into any) error { return readInput(o.input, into) }

// Unknown is the failure of an operation that the entity does not have.
func (o *Operation) Unknown() error {
	return Permanent("unknown-operation", "the entity has no operation "+o.Name)
}

// Destroy leaves the entity without a state when the operation has succeeded.
func (o *Operation) Destroy() { o.destroyed = true }

// Signal sends an operation to an entity when this one has succeeded.
func (o *Operation) Signal(entity EntityID, operation string, input any) {
	o.outbox.Signal(entity.String(), operation, mustWrite(input), time.Time{})
}

// Start starts an orchestration when this operation has succeeded; gives its id.
func (o *Operation) Start(orchestrator string, input any, instanceID string) string {
	return o.outbox.Start(orchestrator, mustWrite(input), instanceID)
}

// EntityFunc is an entity of this module.
type EntityFunc[S any] struct {
	name    string
	operate func(*S, *Operation) (any, error)
}

// ID names the entity of that key.
func (e EntityFunc[S]) ID(key string) EntityID { return EntityID{e.name, key} }

// Entity makes an entity. Its operations change the state in place; where one fails, the state stays
// what it was. The operation "delete" never comes: it leaves the entity without a state.
func Entity[S any](name string, operate func(state *S, operation *Operation) (any, error)) EntityFunc[S] {
	made := EntityFunc[S]{name, operate}
	register(&entry{name: name, entity: made.run})
	return made
}

// Operate runs one operation from JSON to JSON, for tests: the new state, or none, and the answer.
func (e EntityFunc[S]) Operate(state *string, key, operation, input string, outbox Outbox) (*string, string, error) {
	return e.run(state, &Operation{Key: key, Name: operation, outbox: outbox}, input)
}

func (e EntityFunc[S]) run(state *string, operation *Operation, input string) (*string, string, error) {
	if operation.Name == "delete" {
		return nil, "null", nil
	}
	operation.input = input
	var current S
	if state != nil {
		if err := json.Unmarshal([]byte(*state), &current); err != nil {
			return nil, "", Permanent("invalid-state", "the state does not fit the entity "+e.name+": "+err.Error())
		}
	}
	answer, err := e.operate(&current, operation)
	if err != nil {
		return nil, "", err
	}
	text, err := write(answer)
	if err != nil || operation.destroyed {
		return nil, text, err
	}
	kept, err := write(current)
	return &kept, text, err
}
