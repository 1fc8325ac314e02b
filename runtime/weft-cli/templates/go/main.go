// Greets some names: an orchestration calls an activity for each.
package main

import weft "weft.dev/sdk"

// guests says whom to greet.
type guests struct {
	Names []string `json:"names"`
}

// Activities do the work; they may call out, and they run at least once.
var greet = weft.Activity("greet", func(_ weft.Call, name string) (string, error) {
	if name == "" {
		return "", weft.Permanent("no-name", "A name is needed.")
	}
	return "Hello, " + name + "!", nil
}, "Greets one name.")

// All are greeted at the same time. It survives every crash of the node in between.
var greetings = weft.Orchestrator("greetings", func(ctx *weft.Context, guests guests) ([]string, error) {
	tasks := make([]*weft.Task[string], len(guests.Names))
	for place, name := range guests.Names {
		tasks[place] = weft.CallActivity(ctx, greet, name)
	}
	return weft.All(tasks...)
}, "Greets all of them.")

func main() {}
