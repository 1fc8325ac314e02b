// The patterns of durable orchestrations, each as small as it can be.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"time"

	weft "weft.dev/sdk"
)

var double = weft.Activity("double", func(_ weft.Call, number int) (int, error) {
	return number * 2, nil
}, "Twice the number.")

// Many steps at once, and one result of all of them.
var fanOut = weft.Orchestrator("fan-out", func(ctx *weft.Context, count int) (int, error) {
	tasks := make([]*weft.Task[int], count)
	for number := range tasks {
		tasks[number] = weft.CallActivity(ctx, double, number)
	}
	doubled, err := weft.All(tasks...)
	sum := 0
	for _, number := range doubled {
		sum += number
	}
	return sum, err
})

// Waits that many milliseconds for the event Approval, whose payload is true or false.
var _ = weft.Orchestrator("approval", func(ctx *weft.Context, deadlineMs int) (string, error) {
	ctx.SetStatus("waiting")
	deadline := time.Duration(deadlineMs) * time.Millisecond
	approved, came, err := weft.Timeout(ctx, deadline, weft.Event[bool](ctx, "Approval"))
	switch {
	case err != nil:
		return "", err
	case !came:
		return "escalated", nil
	case approved:
		return "approved", nil
	default:
		return "rejected", nil
	}
})

// Sub-orchestrations, one after the other.
var _ = weft.Orchestrator("parent", func(ctx *weft.Context, count int) ([]int, error) {
	results := []int{}
	for number := range count {
		result, err := weft.CallOrchestrator(ctx, fanOut, number, "").Get()
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
})

// Starts over until nothing is left.
var _ = weft.Orchestrator("eternal", func(ctx *weft.Context, left int) (string, error) {
	if _, err := ctx.Sleep(10 * time.Millisecond).Get(); err != nil {
		return "", err
	}
	if left > 0 {
		return "", ctx.ContinueAsNew(left - 1)
	}
	return "done", nil
})

type counter struct {
	Value int `json:"value"`
}

// Gathers what is sent to it.
var counters = weft.Entity("counter", func(state *counter, operation *weft.Operation) (any, error) {
	switch operation.Name {
	case "add":
		var amount int
		if err := operation.Input(&amount); err != nil {
			return nil, err
		}
		state.Value += amount
	case "get":
	default:
		return nil, operation.Unknown()
	}
	return state.Value, nil
})

// Sends that many ones to a counter and reads it.
var _ = weft.Orchestrator("aggregate", func(ctx *weft.Context, count int) (int, error) {
	id := counters.ID(ctx.InstanceID())
	for range count {
		ctx.SignalEntity(id, "add", 1)
	}
	return weft.CallEntity[int](ctx, id, "get", nil).Get()
})

// Fails as code with a bug does.
var _ = weft.Activity("broken", func(_ weft.Call, text string) (any, error) {
	panic(errors.New("no " + text))
})

// What the language takes from its host: the same however often it is replayed.
var _ = weft.Orchestrator("surroundings", func(ctx *weft.Context, _ any) (any, error) {
	look := func() map[string]any {
		order := ""
		for key := range map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8} {
			order += fmt.Sprint(key)
		}
		bytes := make([]byte, 8)
		_, _ = rand.Read(bytes)
		return map[string]any{
			"time":   time.Now().UnixMilli(),
			"random": mathrand.Uint64() >> 12,
			"bytes":  hex.EncodeToString(bytes),
			"map":    order,
			"guid":   ctx.NewGUID(),
			"now":    ctx.Now().UnixMilli(),
		}
	}
	before := look()
	ctx.SetStatus(before)
	payload, err := weft.Event[any](ctx, "go").Get()
	after := look()
	// The order of a map is anybody's guess, but the same guess each time.
	after["map"] = before["map"]
	return map[string]any{"before": before, "after": after, "payload": payload}, err
})

type found struct {
	Before *string  `json:"before"`
	Size   uint64   `json:"size"`
	Middle string   `json:"middle"`
	Names  []string `json:"names"`
	Absent bool     `json:"absent"`
}

// Keeps a text, and 200,000 times the text, as objects.
var _ = weft.Activity("archive", func(_ weft.Call, text string) (made found, err error) {
	container, err := weft.OpenContainer("archive")
	if err != nil {
		return made, err
	}
	if before, there, _ := container.Get("short"); there {
		kept := string(before)
		made.Before = &kept
	}
	err = errors.Join(
		container.Put("short", []byte(text)),
		container.PutFrom("long", strings.NewReader(strings.Repeat(text, 200_000))),
		container.Put("gone", nil),
		container.Delete("gone"),
	)
	if err != nil {
		return made, err
	}
	info, _, err := container.Info("long")
	if err != nil {
		return made, err
	}
	made.Size = info.Size
	start := uint64(len(text) * 100_000)
	middle, _, err := container.GetRange("long", start, start+8)
	if err != nil {
		return made, err
	}
	made.Middle = string(middle)
	if _, there, err := container.Get("gone"); !there && err == nil {
		made.Absent = true
	}
	made.Names, err = container.Names()
	return made, err
})

// Asks for what orchestrators may not have.
var _ = weft.Orchestrator("outside", func(_ *weft.Context, what any) (any, error) {
	if what == "objects" {
		_, err := weft.OpenContainer("archive")
		return nil, err
	}
	_, err := weft.OpenBucket("default")
	return nil, err
})

// There is no network in a component of Go: it says so itself.
var _ = weft.Activity("dial", func(weft.Call, any) (string, error) {
	_, err := net.Dial("tcp", "127.0.0.1:1")
	return fmt.Sprint(err), nil
})

func main() {}
