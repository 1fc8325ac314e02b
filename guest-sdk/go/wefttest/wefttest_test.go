package wefttest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	weft "weft.dev/sdk"
	"weft.dev/sdk/wefttest"
)

var double = weft.Activity("double", func(_ weft.Call, n int) (int, error) { return 2 * n, nil })

var shaky = weft.Activity("shaky", func(call weft.Call, text string) (string, error) {
	if call.Attempt < 3 {
		return "", errors.New("not yet")
	}
	return text, nil
})

type counter struct {
	Value int `json:"value"`
}

var counters = weft.Entity("counter", func(state *counter, operation *weft.Operation) (any, error) {
	var amount int
	if operation.Name != "add" {
		state.Value = -1
		return nil, operation.Unknown()
	}
	if err := operation.Input(&amount); err != nil {
		return nil, err
	}
	state.Value += amount
	return state.Value, nil
})

var fanOut = weft.Orchestrator("fan-out", func(ctx *weft.Context, count int) (int, error) {
	tasks := make([]*weft.Task[int], count)
	for n := range tasks {
		tasks[n] = weft.CallActivity(ctx, double, n)
	}
	results, err := weft.All(tasks...)
	sum := 0
	for _, n := range results {
		sum += n
	}
	return sum, err
})

func TestAllResultsComeInOrder(t *testing.T) {
	run := wefttest.New()
	wefttest.Activity(run, double)
	got, err := wefttest.Run(run, fanOut, 10)
	if err != nil || got != 90 || len(run.Calls) != 10 {
		t.Fatal(got, err, run.Calls)
	}
}

var firstFailure = weft.Orchestrator("first-failure", func(ctx *weft.Context, _ any) (string, error) {
	slow := weft.CallNamed[any](ctx, "slow", nil)
	_, err := weft.All(slow, weft.CallNamed[any](ctx, "bad", nil))
	return weft.FailureOf(err).Kind, nil
})

func TestTheFirstFailureComesAtOnce(t *testing.T) {
	run := wefttest.New()
	wefttest.Stub(run, "slow", time.Hour, func(weft.Call, any) (any, error) { return 1, nil })
	wefttest.Stub(run, "bad", 0, func(weft.Call, any) (any, error) {
		return nil, weft.Permanent("spoilt", "It is spoilt.")
	})
	got, err := wefttest.Run(run, firstFailure, nil)
	if err != nil || got != "spoilt" || run.Elapsed != 0 {
		t.Fatal(got, err, run.Elapsed)
	}
}

var approval = weft.Orchestrator("approval", func(ctx *weft.Context, seconds int) (string, error) {
	ctx.SetStatus("waiting")
	limit := time.Duration(seconds) * time.Second
	yes, came, err := weft.Timeout(ctx, limit, weft.Event[bool](ctx, "Approval"))
	if err != nil || !came {
		return "escalated", err
	}
	return map[bool]string{true: "approved", false: "rejected"}[yes], nil
})

func TestAnEventBeforeAndAfterItsDeadline(t *testing.T) {
	for _, one := range []struct {
		after, elapsed time.Duration
		yes            bool
		want           string
	}{
		{30 * time.Second, 30 * time.Second, true, "approved"},
		{0, 0, false, "rejected"},
		{61 * time.Second, 60 * time.Second, true, "escalated"},
	} {
		run := wefttest.New()
		run.Event("approval", one.yes, one.after)
		got, err := wefttest.Run(run, approval, 60)
		if err != nil || got != one.want || run.Elapsed != one.elapsed || run.Statuses[0] != `"waiting"` {
			t.Fatal(got, err, run.Elapsed)
		}
	}
}

var patient = weft.Orchestrator("patient", func(ctx *weft.Context, text string) (string, error) {
	retry := weft.Retry{MaxAttempts: 4, FirstInterval: time.Second, Coefficient: 2}
	return weft.CallActivity(ctx, shaky, text, retry).Get()
})

func TestRetriesWaitLongerEachTime(t *testing.T) {
	run := wefttest.New()
	wefttest.Activity(run, shaky)
	got, err := wefttest.Run(run, patient, "x")
	if err != nil || got != "x" || len(run.Calls) != 3 || run.Calls[2].At != 3*time.Second {
		t.Fatal(got, err, run.Calls)
	}
}

var eternal = weft.Orchestrator("eternal", func(ctx *weft.Context, seen []int) ([]int, error) {
	tick, err := weft.Event[int](ctx, "tick").Get()
	seen = append(seen, tick)
	if err == nil && len(seen) < 3 {
		return nil, ctx.ContinueAsNew(seen)
	}
	return seen, err
})

func TestContinueAsNewKeepsEvents(t *testing.T) {
	run := wefttest.New()
	run.Event("tick", 1, 0)
	run.Event("tick", 2, 0)
	run.Event("tick", 3, time.Second)
	got, err := wefttest.Run(run, eternal, nil)
	if err != nil || len(got) != 3 || got[2] != 3 || run.Restarts != 2 {
		t.Fatal(got, err, run.Restarts)
	}
}

var counting = weft.Orchestrator("counting", func(ctx *weft.Context, _ any) (int, error) {
	id := counters.ID(ctx.InstanceID())
	ctx.SignalEntity(id, "add", 2)
	sum := 0
	return sum, ctx.Lock([]weft.EntityID{id}, func() (err error) {
		sum, err = weft.CallEntity[int](ctx, id, "add", 1).Get()
		if sum != 3 {
			return weft.Permanent("wrong", "it is not three")
		}
		return err
	})
})

func TestEntities(t *testing.T) {
	run := wefttest.New()
	wefttest.Entity(run, counters)
	if _, err := wefttest.Run(run, counting, nil); err != nil {
		t.Fatal(err)
	}
	state := `{"value":5}`
	if _, _, err := counters.Operate(&state, "a", "nothing", "null", nil); weft.FailureOf(err).Kind != "unknown-operation" {
		t.Fatal(err)
	}
	if after, _, err := counters.Operate(&state, "a", "delete", "null", nil); err != nil || after != nil {
		t.Fatal(after, err)
	}
}

var numbers int

var restless = weft.Orchestrator("restless", func(ctx *weft.Context, _ any) (int, error) {
	numbers++
	return weft.CallActivity(ctx, double, numbers).Get()
})

var stuck = weft.Orchestrator("stuck", func(ctx *weft.Context, _ any) (any, error) {
	return weft.Event[any](ctx, "never").Get()
})

func panicOf(run func()) (found any) {
	defer func() { found = recover() }()
	run()
	return nil
}

func TestFaultsOfOrchestratorsAreFound(t *testing.T) {
	run := wefttest.New()
	wefttest.Activity(run, double)
	found := panicOf(func() { _, _ = wefttest.Run(run, restless, nil) })
	if diverged, is := found.(wefttest.Diverged); !is || !strings.Contains(diverged.Error(), "double with 1, its replay") {
		t.Fatal(found)
	}
	found = panicOf(func() { _, _ = wefttest.Run(wefttest.New(), stuck, nil) })
	if waits, is := found.(wefttest.WaitsForEver); !is || !strings.Contains(waits.Error(), "never") {
		t.Fatal(found)
	}
}

func TestStorageLivesInMemory(t *testing.T) {
	weft.ClearMemory()
	bucket, _ := weft.OpenBucket("default")
	if err := bucket.SetJSON("a", []int{1}); err != nil {
		t.Fatal(err)
	}
	var read []int
	if found, err := bucket.GetJSON("a", &read); !found || err != nil || read[0] != 1 {
		t.Fatal(found, err)
	}
	first, _ := bucket.Increment("n", 2)
	second, _ := bucket.Increment("n", 1)
	if first != 2 || second != 3 {
		t.Fatal(first, second)
	}
}
