// Package wefttest runs orchestrators natively, without a node and without waiting.
//
// No time passes: where the orchestrator waits, the clock jumps to what happens next. After the run it
// is run once more from what was recorded, as the platform does after a crash; code that then asks for
// something else is found here instead of in production.
package wefttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	weft "weft.dev/sdk"
)

// Called is one attempt at a call.
type Called struct {
	Name, Input string
	Attempt     uint32
	// At is when it began, counted from the start of the orchestration.
	At time.Duration
}

// Simulation is the world around an orchestration.
type Simulation struct {
	// Calls are the activities and children that ran, every attempt of them.
	Calls []Called
	// Statuses are the custom statuses that were shown, as JSON.
	Statuses []string
	// Elapsed is how long it took on the simulated clock.
	Elapsed time.Duration
	// Restarts is how often it continued as new.
	Restarts int

	callees  map[string]callee
	entities map[string]func(state *string, key, operation, input string) (*string, string, error)
	states   map[string]*string
	planned  []planned
	plans    int
	buffered [][2]string
	waiting  map[uint32]string
	log      recording
	restart  *string
}

type callee struct {
	run    func(weft.Call, string) (string, error)
	taking time.Duration
}

type planned struct {
	at     time.Duration
	order  int
	happen func()
}

type completion struct {
	task    uint32
	output  string
	failure *weft.Failure
	at      time.Duration
	atOnce  bool
}

// recording is what one execution asked for and got.
type recording struct {
	commands []string
	tasks    uint32
	done     []completion
	guids    int
	start    time.Duration
}

// WaitsForEver is what Run panics with where the orchestration waits for what never comes.
type WaitsForEver struct{ error }

// Diverged is what Run panics with where a replay does something else than its run.
type Diverged struct{ error }

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// New makes a world in which nothing happens yet.
func New() *Simulation {
	return &Simulation{
		callees:  map[string]callee{},
		entities: map[string]func(*string, string, string, string) (*string, string, error){},
		states:   map[string]*string{},
		waiting:  map[uint32]string{},
	}
}

// Activity lets calls of this activity run the real code.
func Activity[I, O any](s *Simulation, activity weft.ActivityFunc[I, O]) {
	Stub(s, activity.Name(), 0, activity.Run)
}

// Stub says what the activity or child of that name does, and how long each attempt takes.
func Stub[I, O any](s *Simulation, name string, taking time.Duration, does func(weft.Call, I) (O, error)) {
	s.callees[name] = callee{func(call weft.Call, text string) (string, error) {
		var input I
		if err := json.Unmarshal([]byte(text), &input); err != nil {
			return "", weft.Permanent("invalid-input", err.Error())
		}
		output, err := does(call, input)
		if err != nil {
			return "", err
		}
		written, err := json.Marshal(output)
		return string(written), err
	}, taking}
}

// Entity lets operations on this entity run the real code, each at once.
func Entity[S any](s *Simulation, entity weft.EntityFunc[S]) {
	name := strings.Split(entity.ID("").String(), "@")[1]
	s.entities[name] = func(state *string, key, operation, input string) (*string, string, error) {
		return entity.Operate(state, key, operation, input, ignored{})
	}
}

type ignored struct{}

func (ignored) Signal(_, _, _ string, _ time.Time) {}
func (ignored) Start(_, _, id string) string       { return id }

// Event comes that long after the start, or is there from the start.
func (s *Simulation) Event(name string, payload any, after time.Duration) {
	written, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	if after == 0 {
		s.buffered = append(s.buffered, [2]string{name, string(written)})
		return
	}
	s.plan(after, func() { s.arrive(name, string(written)) })
}

// Run runs an orchestrator to its end, and once more from what was recorded. It panics with
// WaitsForEver, Diverged, or for what the test gives no code for.
func Run[I, O any](s *Simulation, orchestrator weft.OrchestratorFunc[I, O], input I) (O, error) {
	var result O
	written, err := json.Marshal(input)
	if err != nil {
		return result, err
	}
	text := string(written)
	for {
		s.restart = nil
		output, err := orchestrator.Execute(s, text)
		again := &replay{recorded: s.log, log: recording{start: s.log.start}}
		replayed, replayErr := orchestrator.Execute(again, text)
		if len(again.log.commands) < len(s.log.commands) {
			panic(Diverged{fmt.Errorf("the replay did not ask for %s", s.log.commands[len(again.log.commands)])})
		}
		if output != replayed || (err == nil) != (replayErr == nil) {
			panic(Diverged{fmt.Errorf("the run ended with %s, its replay with %s", output, replayed)})
		}
		if s.restart == nil {
			if err != nil {
				return result, err
			}
			return result, json.Unmarshal([]byte(output), &result)
		}
		text = *s.restart
		s.Restarts++
		s.log = recording{start: s.Elapsed}
		s.waiting = map[uint32]string{}
		s.planned = slices.DeleteFunc(s.planned, func(one planned) bool { return one.order >= 0 })
	}
}

func (s *Simulation) plan(at time.Duration, happen func()) {
	s.plans++
	// What comes from outside outlives an execution.
	s.planned = append(s.planned, planned{at, -math.MaxInt + s.plans, happen})
}

func (s *Simulation) later(delay time.Duration, task uint32, happen func()) {
	s.plans++
	s.planned = append(s.planned, planned{s.Elapsed + delay, s.plans, func() {
		if _, open := s.waiting[task]; open {
			happen()
		}
	}})
}

func (s *Simulation) complete(task uint32, output string, failure *weft.Failure, atOnce bool) {
	if _, open := s.waiting[task]; open {
		delete(s.waiting, task)
		s.log.done = append(s.log.done, completion{task, output, failure, s.Elapsed, atOnce})
	}
}

func (s *Simulation) arrive(name, payload string) {
	var tasks []uint32
	for task, what := range s.waiting {
		if strings.EqualFold(what, "the event "+name) {
			tasks = append(tasks, task)
		}
	}
	if len(tasks) == 0 {
		s.buffered = append(s.buffered, [2]string{name, payload})
		return
	}
	s.complete(slices.Min(tasks), payload, nil, false)
}

func (s *Simulation) begin(command, what string) uint32 {
	s.log.commands = append(s.log.commands, command)
	s.log.tasks++
	s.waiting[s.log.tasks] = what
	return s.log.tasks
}

func (s *Simulation) call(command, name, input string, retry *weft.Retry) uint32 {
	task := s.begin(command, name)
	since := s.Elapsed
	var attempt func(number uint32)
	attempt = func(number uint32) {
		found, known := s.callees[name]
		if !known {
			panic(fmt.Sprintf("the orchestrator calls %s: say in the test what it does", name))
		}
		s.Calls = append(s.Calls, Called{name, input, number, s.Elapsed})
		call := weft.Call{InstanceID: "test", IdempotencyKey: fmt.Sprintf("test:%d", task), Attempt: number}
		output, err := found.run(call, input)
		var failure *weft.Failure
		if err != nil {
			failure = weft.FailureOf(err)
		}
		if wait, again := pause(failure, retry, number, s.Elapsed+found.taking-since); again {
			s.later(found.taking+wait, task, func() { attempt(number + 1) })
			return
		}
		s.later(found.taking, task, func() { s.complete(task, output, failure, false) })
	}
	s.later(0, task, func() { attempt(1) })
	return task
}

func pause(failure *weft.Failure, retry *weft.Retry, attempt uint32, elapsed time.Duration) (time.Duration, bool) {
	if failure == nil || retry == nil || !failure.Retryable || attempt >= retry.MaxAttempts ||
		slices.Contains(retry.NonRetryable, failure.Kind) {
		return 0, false
	}
	wait := time.Duration(float64(retry.FirstInterval) * math.Pow(retry.Coefficient, float64(attempt-1)))
	if retry.MaxInterval > 0 {
		wait = min(wait, retry.MaxInterval)
	}
	return wait, retry.TotalTimeout <= 0 || elapsed+wait <= retry.TotalTimeout
}

func (s *Simulation) operate(entity, operation, input string) (string, *weft.Failure) {
	_, rest, _ := strings.Cut(entity, "@")
	name, key, _ := strings.Cut(rest, "@")
	run, known := s.entities[name]
	if !known {
		panic(fmt.Sprintf("the orchestrator uses the entity %s: give it to the test", name))
	}
	state, answer, err := run(s.states[entity], key, operation, input)
	if err != nil {
		return "", weft.FailureOf(err)
	}
	s.states[entity] = state
	return answer, nil
}

// What follows is what an orchestrator asks for.

func (s *Simulation) CallActivity(name, input string, retry *weft.Retry) uint32 {
	return s.call(activityCommand(name, input), name, input, retry)
}

func (s *Simulation) CallSubOrchestrator(name, input, id string, retry *weft.Retry) uint32 {
	return s.call(childCommand(name, input, id), name, input, retry)
}

func (s *Simulation) CreateTimer(delay time.Duration) uint32 {
	task := s.begin(timerCommand(delay), "a timer")
	s.later(delay, task, func() { s.complete(task, "null", nil, false) })
	return task
}

func (s *Simulation) Cancel(task uint32) {
	s.log.commands = append(s.log.commands, cancelCommand(task))
	delete(s.waiting, task)
}

func (s *Simulation) WaitForEvent(name string) uint32 {
	task := s.begin(eventCommand(name), "the event "+name)
	for place, event := range s.buffered {
		if strings.EqualFold(event[0], name) {
			s.buffered = slices.Delete(s.buffered, place, place+1)
			s.complete(task, event[1], nil, true)
			break
		}
	}
	return task
}

func (s *Simulation) SendEvent(id, name, payload string) {
	s.log.commands = append(s.log.commands, sendCommand(id, name, payload))
}

func (s *Simulation) CallEntity(entity, operation, input string) uint32 {
	task := s.begin(operationCommand(entity, operation, input), entity)
	s.later(0, task, func() {
		answer, failure := s.operate(entity, operation, input)
		s.complete(task, answer, failure, false)
	})
	return task
}

func (s *Simulation) SignalEntity(entity, operation, input string, _ time.Time) {
	s.log.commands = append(s.log.commands, operationCommand(entity, operation, input))
	s.operate(entity, operation, input)
}

func (s *Simulation) Lock(entities []string) uint32 {
	task := s.begin(lockCommand(entities), "a lock")
	s.later(0, task, func() { s.complete(task, "null", nil, false) })
	return task
}

func (s *Simulation) Unlock(lock uint32) {
	s.log.commands = append(s.log.commands, unlockCommand(lock))
}

func (s *Simulation) WaitAny(tasks []uint32) int {
	for {
		if first := s.log.firstOf(tasks); first >= 0 {
			return first
		}
		if len(s.planned) == 0 {
			var waits []string
			for _, what := range s.waiting {
				waits = append(waits, what)
			}
			sort.Strings(waits)
			panic(WaitsForEver{fmt.Errorf("the orchestration waits for ever, for %s", strings.Join(waits, ", "))})
		}
		sort.SliceStable(s.planned, func(a, b int) bool {
			if s.planned[a].at != s.planned[b].at {
				return s.planned[a].at < s.planned[b].at
			}
			return s.planned[a].order < s.planned[b].order
		})
		next := s.planned[0]
		s.planned = s.planned[1:]
		s.Elapsed = max(s.Elapsed, next.at)
		next.happen()
	}
}

func (s *Simulation) IsReady(task uint32) bool { return s.log.find(task) != nil }

func (s *Simulation) Result(task uint32) (string, *weft.Failure) { return s.log.result(task) }

func (s *Simulation) ContinueAsNew(input string, _ bool) {
	s.log.commands = append(s.log.commands, restartCommand(input))
	s.restart = &input
}

func (s *Simulation) SetCustomStatus(status string) { s.Statuses = append(s.Statuses, status) }
func (s *Simulation) Now() time.Time                { return s.log.now() }
func (s *Simulation) NewGUID() string               { return s.log.newGUID() }
func (s *Simulation) IsReplaying() bool             { return false }
func (s *Simulation) InstanceID() string            { return "test" }

var errWaits = errors.New("the replay waits for more than the run did")
