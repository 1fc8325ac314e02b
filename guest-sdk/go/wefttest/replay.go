package wefttest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	weft "weft.dev/sdk"
)

func (r *recording) find(task uint32) *completion {
	for place := range r.done {
		if r.done[place].task == task {
			return &r.done[place]
		}
	}
	return nil
}

func (r *recording) firstOf(tasks []uint32) int {
	for _, done := range r.done {
		if place := slices.Index(tasks, done.task); place >= 0 {
			return place
		}
	}
	return -1
}

func (r *recording) result(task uint32) (string, *weft.Failure) {
	done := r.find(task)
	return done.output, done.failure
}

func (r *recording) now() time.Time {
	if len(r.done) > 0 {
		return epoch.Add(r.done[len(r.done)-1].at)
	}
	return epoch.Add(r.start)
}

func (r *recording) newGUID() string {
	r.guids++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", r.guids, r.start.Milliseconds())
}

func activityCommand(name, input string) string { return "the activity " + name + " with " + input }
func childCommand(name, input, id string) string {
	return "the child " + name + " (" + id + ") with " + input
}
func timerCommand(delay time.Duration) string { return fmt.Sprintf("a timer of %s", delay) }
func cancelCommand(task uint32) string        { return fmt.Sprintf("the end of task %d", task) }
func eventCommand(name string) string         { return "the event " + name }
func sendCommand(id, name, payload string) string {
	return "the event " + name + " to " + id + " with " + payload
}
func operationCommand(entity, operation, input string) string {
	return operation + " of " + entity + " with " + input
}
func lockCommand(entities []string) string { return "a lock over " + strings.Join(entities, ", ") }
func unlockCommand(lock uint32) string     { return fmt.Sprintf("the release of lock %d", lock) }
func restartCommand(input string) string   { return "a new execution with " + input }

// replay answers from a recording, and checks that the same is asked for.
type replay struct {
	recorded, log recording
}

func (r *replay) act(command string) {
	place := len(r.log.commands)
	if place >= len(r.recorded.commands) || r.recorded.commands[place] != command {
		had := "nothing more"
		if place < len(r.recorded.commands) {
			had = r.recorded.commands[place]
		}
		panic(Diverged{fmt.Errorf("the run asked for %s, its replay for %s", had, command)})
	}
	r.log.commands = append(r.log.commands, command)
}

func (r *replay) begin(command string) uint32 {
	r.act(command)
	r.log.tasks++
	if next := r.next(); next != nil && next.atOnce && next.task == r.log.tasks {
		r.log.done = append(r.log.done, *next)
	}
	return r.log.tasks
}

func (r *replay) next() *completion {
	if len(r.log.done) < len(r.recorded.done) {
		return &r.recorded.done[len(r.log.done)]
	}
	return nil
}

func (r *replay) WaitAny(tasks []uint32) int {
	for {
		if first := r.log.firstOf(tasks); first >= 0 {
			return first
		}
		next := r.next()
		if next == nil {
			panic(Diverged{errWaits})
		}
		r.log.done = append(r.log.done, *next)
	}
}

func (r *replay) CallActivity(name, input string, _ *weft.Retry) uint32 {
	return r.begin(activityCommand(name, input))
}
func (r *replay) CallSubOrchestrator(name, input, id string, _ *weft.Retry) uint32 {
	return r.begin(childCommand(name, input, id))
}
func (r *replay) CreateTimer(delay time.Duration) uint32 { return r.begin(timerCommand(delay)) }
func (r *replay) Cancel(task uint32)                     { r.act(cancelCommand(task)) }
func (r *replay) WaitForEvent(name string) uint32        { return r.begin(eventCommand(name)) }
func (r *replay) SendEvent(id, name, payload string)     { r.act(sendCommand(id, name, payload)) }
func (r *replay) CallEntity(entity, operation, input string) uint32 {
	return r.begin(operationCommand(entity, operation, input))
}
func (r *replay) SignalEntity(entity, operation, input string, _ time.Time) {
	r.act(operationCommand(entity, operation, input))
}
func (r *replay) Lock(entities []string) uint32              { return r.begin(lockCommand(entities)) }
func (r *replay) Unlock(lock uint32)                         { r.act(unlockCommand(lock)) }
func (r *replay) IsReady(task uint32) bool                   { return r.log.find(task) != nil }
func (r *replay) Result(task uint32) (string, *weft.Failure) { return r.log.result(task) }
func (r *replay) ContinueAsNew(input string, _ bool)         { r.act(restartCommand(input)) }
func (r *replay) SetCustomStatus(string)                     {}
func (r *replay) Now() time.Time                             { return r.log.now() }
func (r *replay) NewGUID() string                            { return r.log.newGUID() }
func (r *replay) IsReplaying() bool                          { return r.next() != nil }
func (r *replay) InstanceID() string                         { return "test" }
