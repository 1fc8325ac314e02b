package main

import (
	"strings"
	"testing"

	weft "weft.dev/sdk"
	"weft.dev/sdk/wefttest"
)

func TestEverybodyIsGreeted(t *testing.T) {
	run := wefttest.New()
	wefttest.Activity(run, greet)
	got, err := wefttest.Run(run, greetings, guests{[]string{"Ada", "Alan"}})
	if err != nil || len(got) != 2 || got[1] != "Hello, Alan!" {
		t.Fatal(got, err)
	}
}

func TestANameIsNeeded(t *testing.T) {
	run := wefttest.New()
	wefttest.Activity(run, greet)
	_, err := wefttest.Run(run, greetings, guests{[]string{""}})
	if err == nil || weft.FailureOf(err).Kind != "no-name" {
		t.Fatal(err)
	}
}

func TestWhatIsNoListOfGuestsIsRefused(t *testing.T) {
	got := start.Answer(weft.NewRequest("POST", "/api/start", strings.NewReader("[1]")))
	if got.Status != 400 {
		t.Fatal(got.Status, string(got.Body))
	}
}
