package weft

import (
	"encoding/json"
	"errors"
	"time"
)

// Retry says when and how often a failed call is made again. The n-th retry waits
// FirstInterval * Coefficient^(n-1), at most MaxInterval.
type Retry struct {
	// MaxAttempts is how many calls are made at most, the first one included.
	MaxAttempts   uint32
	FirstInterval time.Duration
	// Coefficient is 1 where it is 0.
	Coefficient float64
	// MaxInterval and TotalTimeout are without effect where they are 0.
	MaxInterval, TotalTimeout time.Duration
	// NonRetryable are kinds of failure that end the attempts at once.
	NonRetryable []string
}

// Engine is what an orchestration asks of the world: the platform in a component, a simulation in
// tests. Only WaitAny may take time; what IsReady says changes in it alone.
type Engine interface {
	CallActivity(name, input string, retry *Retry) uint32
	CallSubOrchestrator(name, input, instanceID string, retry *Retry) uint32
	CreateTimer(delay time.Duration) uint32
	Cancel(task uint32)
	WaitForEvent(name string) uint32
	SendEvent(instanceID, name, payload string)
	CallEntity(entity, operation, input string) uint32
	SignalEntity(entity, operation, input string, at time.Time)
	Lock(entities []string) uint32
	Unlock(lock uint32)
	IsReady(task uint32) bool
	// WaitAny gives the position of the task that was done first.
	WaitAny(tasks []uint32) int
	// Result is that of a task that is ready.
	Result(task uint32) (string, *Failure)
	ContinueAsNew(input string, keepEvents bool)
	SetCustomStatus(status string)
	Now() time.Time
	NewGUID() string
	IsReplaying() bool
	InstanceID() string
}

// Context is everything that an orchestrator may take from outside of its input. An orchestrator is
// run again from its history after a crash; what comes from here is then the same again.
type Context struct{ engine Engine }

// Task is something that will be done.
type Task[T any] struct {
	ctx    *Context
	number uint32
}

// Waitable is any task, whatever its result.
type Waitable interface{ id() (*Context, uint32) }

func (t *Task[T]) id() (*Context, uint32) { return t.ctx, t.number }

// Get waits for the task and gives its result, any number of times.
func (t *Task[T]) Get() (T, error) {
	var value T
	t.ctx.engine.WaitAny([]uint32{t.number})
	text, failure := t.ctx.engine.Result(t.number)
	if failure != nil {
		return value, failure
	}
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return value, Permanent("invalid-output", "the result is not as expected: "+err.Error())
	}
	return value, nil
}

// Ready tells whether Get would go on at once.
func (t *Task[T]) Ready() bool { return t.ctx.engine.IsReady(t.number) }

// Cancel cancels a timer, or stops waiting for an event.
func (t *Task[T]) Cancel() { t.ctx.engine.Cancel(t.number) }

// All waits for all tasks and gives their results in order, or the first failure as soon as it is
// there.
func All[T any](tasks ...*Task[T]) ([]T, error) {
	results := make([]T, len(tasks))
	open := make([]Waitable, len(tasks))
	places := make([]int, len(tasks))
	for place, task := range tasks {
		open[place], places[place] = task, place
	}
	for len(open) > 0 {
		first := Any(open...)
		value, err := tasks[places[first]].Get()
		if err != nil {
			return nil, err
		}
		results[places[first]] = value
		open = append(open[:first], open[first+1:]...)
		places = append(places[:first], places[first+1:]...)
	}
	return results, nil
}

// Any waits for the first of several tasks and gives its position.
func Any(tasks ...Waitable) int {
	if len(tasks) == 0 {
		panic("there is nothing to wait for")
	}
	var ctx *Context
	numbers := make([]uint32, len(tasks))
	for place, task := range tasks {
		ctx, numbers[place] = task.id()
	}
	return ctx.engine.WaitAny(numbers)
}

// CallActivity calls an activity of this module.
func CallActivity[I, O any](ctx *Context, activity ActivityFunc[I, O], input I, retry ...Retry) *Task[O] {
	return CallNamed[O](ctx, activity.name, input, retry...)
}

// CallNamed calls an activity of any language by its name.
func CallNamed[O any](ctx *Context, name string, input any, retry ...Retry) *Task[O] {
	return &Task[O]{ctx, ctx.engine.CallActivity(name, mustWrite(input), policy(retry))}
}

// CallOrchestrator starts another orchestration as a child, under an id that is made of this one's
// where none is given.
func CallOrchestrator[I, O any](ctx *Context, orchestrator OrchestratorFunc[I, O], input I, instanceID string, retry ...Retry) *Task[O] {
	return CallNamedOrchestrator[O](ctx, orchestrator.name, input, instanceID, retry...)
}

// CallNamedOrchestrator starts an orchestrator of any language by its name.
func CallNamedOrchestrator[O any](ctx *Context, name string, input any, instanceID string, retry ...Retry) *Task[O] {
	return &Task[O]{ctx, ctx.engine.CallSubOrchestrator(name, mustWrite(input), instanceID, policy(retry))}
}

func policy(retry []Retry) *Retry {
	if len(retry) == 0 {
		return nil
	}
	chosen := retry[0]
	if chosen.Coefficient == 0 {
		chosen.Coefficient = 1
	}
	return &chosen
}

// Sleep is a durable timer.
func (ctx *Context) Sleep(delay time.Duration) *Task[any] {
	return &Task[any]{ctx, ctx.engine.CreateTimer(delay)}
}

// Event is the next event of that name which nobody has taken.
func Event[T any](ctx *Context, name string) *Task[T] {
	return &Task[T]{ctx, ctx.engine.WaitForEvent(name)}
}

// Timeout waits for a task, but not longer; the second result tells whether it came in time. It stops
// waiting for an event that did not.
func Timeout[T any](ctx *Context, limit time.Duration, task *Task[T]) (T, bool, error) {
	timer := ctx.Sleep(limit)
	if Any(task, timer) == 0 {
		timer.Cancel()
		value, err := task.Get()
		return value, true, err
	}
	task.Cancel()
	var none T
	return none, false, nil
}

// SendEvent sends an event to another instance; dropped where that does not exist or has ended.
func (ctx *Context) SendEvent(instanceID, name string, payload any) {
	ctx.engine.SendEvent(instanceID, name, mustWrite(payload))
}

// CallEntity runs an operation of an entity. One that does not exist is created.
func CallEntity[O any](ctx *Context, entity EntityID, operation string, input any) *Task[O] {
	return &Task[O]{ctx, ctx.engine.CallEntity(entity.String(), operation, mustWrite(input))}
}

// SignalEntity sends an operation without waiting for it.
func (ctx *Context) SignalEntity(entity EntityID, operation string, input any) {
	ctx.engine.SignalEntity(entity.String(), operation, mustWrite(input), time.Time{})
}

// SignalEntityAt is for that time or later.
func (ctx *Context) SignalEntityAt(at time.Time, entity EntityID, operation string, input any) {
	ctx.engine.SignalEntity(entity.String(), operation, mustWrite(input), at)
}

// Lock locks entities while the action runs: only they may be called then, and only others be
// signaled.
func (ctx *Context) Lock(entities []EntityID, action func() error) error {
	names := make([]string, len(entities))
	for place, entity := range entities {
		names[place] = entity.String()
	}
	lock := ctx.engine.Lock(names)
	ctx.engine.WaitAny([]uint32{lock})
	defer ctx.engine.Unlock(lock)
	return action()
}

// errContinued ends an execution that continues as new.
var errContinued = errors.New("the orchestration continues as new")

// ContinueAsNew starts over with this input and an empty history; return the error at once.
func (ctx *Context) ContinueAsNew(input any) error {
	ctx.engine.ContinueAsNew(mustWrite(input), true)
	return errContinued
}

// SetStatus shows what the instance says of itself, at most 16 KiB of JSON.
func (ctx *Context) SetStatus(status any) { ctx.engine.SetCustomStatus(mustWrite(status)) }

// Now is the time of the current turn; the same on replay.
func (ctx *Context) Now() time.Time { return ctx.engine.Now() }

// NewGUID is a new random-looking UUID; the same on replay.
func (ctx *Context) NewGUID() string { return ctx.engine.NewGUID() }

// IsReplaying tells whether the code runs over what has been recorded.
func (ctx *Context) IsReplaying() bool { return ctx.engine.IsReplaying() }

// InstanceID is the orchestration's id.
func (ctx *Context) InstanceID() string { return ctx.engine.InstanceID() }

func orchestrate[I, O any](engine Engine, code func(*Context, I) (O, error), text string) (string, error) {
	var input I
	if err := readInput(text, &input); err != nil {
		return "", err
	}
	output, err := code(&Context{engine}, input)
	if errors.Is(err, errContinued) {
		// The platform starts over and looks at no result.
		return "null", nil
	}
	if err != nil {
		return "", err
	}
	return write(output)
}
