// Greets some names: an HTTP function starts an orchestration, which calls an activity for each.
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

// Answers with the id of the orchestration that it starts.
var start = weft.HTTP("start", func(request *weft.Request) (*weft.Response, error) {
	var guests guests
	if err := request.JSON(&guests); err != nil {
		return nil, err
	}
	id, err := weft.Start(greetings.Name(), guests, "")
	if err != nil {
		return nil, err
	}
	return weft.JSON(id).WithStatus(202), nil
}, weft.Route{Methods: []string{"POST"}, Description: "Starts the greetings."})

func main() {}
