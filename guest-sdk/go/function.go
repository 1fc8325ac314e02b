package weft

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Call tells for which call of which orchestration an activity runs. An activity runs at least once
// for each call: what must not happen twice is keyed by IdempotencyKey.
type Call struct {
	// InstanceID is the orchestration; empty for a direct call.
	InstanceID string
	// IdempotencyKey is the same for every attempt at this call and for no other call.
	IdempotencyKey string
	// Attempt is 1 for the first attempt that the retry policy makes.
	Attempt uint32
}

// ActivityFunc is an activity of this module, as orchestrators call it.
type ActivityFunc[I, O any] struct {
	name string
	code func(Call, I) (O, error)
}

// Name is what callers use.
func (a ActivityFunc[I, O]) Name() string { return a.name }

// Run calls the code itself, for tests.
func (a ActivityFunc[I, O]) Run(call Call, input I) (O, error) { return a.code(call, input) }

// OrchestratorFunc is an orchestrator of this module, as others call it.
type OrchestratorFunc[I, O any] struct {
	name string
	code func(*Context, I) (O, error)
}

// Name is what callers use.
func (o OrchestratorFunc[I, O]) Name() string { return o.name }

// Execute runs the code over an engine, from JSON to JSON; for tests.
func (o OrchestratorFunc[I, O]) Execute(engine Engine, input string) (string, error) {
	return orchestrate(engine, o.code, input)
}

type entry struct {
	name        string
	description string
	activity    func(Call, string) (string, error)
	orchestrate func(Engine, string) (string, error)
	entity      func(state *string, operation *Operation, input string) (*string, string, error)
	http        Handler
	// route and methods are those of http.
	route   string
	methods []string
}

var (
	entries   []*entry
	validName = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)
)

func register(e *entry) {
	if !validName.MatchString(e.name) {
		panic(fmt.Sprintf("%q cannot be a function's name: it must match [a-z0-9-]{1,63}", e.name))
	}
	for _, other := range entries {
		if other.name == e.name {
			panic(fmt.Sprintf("two functions are called %q", e.name))
		}
	}
	entries = append(entries, e)
}

func find(name string) (*entry, error) {
	for _, e := range entries {
		if e.name == name {
			return e, nil
		}
	}
	return nil, Permanent("not-found", "this component holds no function named "+name)
}

// Activity makes an activity: ordinary code with side effects, run at least once for each call. Its
// description, if any, is shown by the platform.
func Activity[I, O any](name string, code func(Call, I) (O, error), description ...string) ActivityFunc[I, O] {
	register(&entry{
		name:        name,
		description: strings.Join(description, " "),
		activity: func(call Call, text string) (string, error) {
			var input I
			if err := readInput(text, &input); err != nil {
				return "", err
			}
			output, err := code(call, input)
			if err != nil {
				return "", err
			}
			return write(output)
		},
	})
	return ActivityFunc[I, O]{name, code}
}

// Orchestrator makes an orchestrator: deterministic code that sequences the calls of others.
func Orchestrator[I, O any](name string, code func(*Context, I) (O, error), description ...string) OrchestratorFunc[I, O] {
	register(&entry{
		name:        name,
		description: strings.Join(description, " "),
		orchestrate: func(engine Engine, text string) (string, error) {
			return orchestrate(engine, code, text)
		},
	})
	return OrchestratorFunc[I, O]{name, code}
}

func readInput(text string, into any) error {
	if text == "" {
		text = "null"
	}
	err := json.Unmarshal([]byte(text), into)
	if err == nil {
		return nil
	}
	// Clients of Durable Functions encode what they send twice.
	var inner string
	if json.Unmarshal([]byte(text), &inner) == nil && json.Unmarshal([]byte(inner), into) == nil {
		return nil
	}
	return Permanent("invalid-input", "the input is not as expected: "+err.Error())
}

func write(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", Permanent("invalid-output", "what the function returned is no JSON: "+err.Error())
	}
	return string(text), nil
}

// mustWrite is for what is handed to the platform: a value that is no JSON is a bug of its author.
func mustWrite(value any) string {
	text, err := write(value)
	if err != nil {
		panic(err)
	}
	return text
}
