package weft

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestObjectsAreReadWholeInRangesAndInPieces(t *testing.T) {
	ClearMemory()
	container, _ := OpenContainer("reports")
	if _, found, _ := container.Get("a"); found {
		t.Fatal("nothing was put there")
	}
	if err := container.PutFrom("a", iotest.OneByteReader(strings.NewReader("one, two"))); err != nil {
		t.Fatal(err)
	}
	for ends, want := range map[[2]uint64]string{{0, 3}: "one", {5, 99}: "two", {7, 2}: "", {99, 100}: ""} {
		if got, found, err := container.GetRange("a", ends[0], ends[1]); string(got) != want || !found || err != nil {
			t.Fatal(ends, string(got), found, err)
		}
	}
	object, found, err := container.Open("a")
	if !found || err != nil {
		t.Fatal(found, err)
	}
	if whole, err := io.ReadAll(object); string(whole) != "one, two" || err != nil {
		t.Fatal(string(whole), err)
	}
	if info, found, _ := container.Info("a"); !found || info.Size != 8 || info.Created.IsZero() {
		t.Fatal(info, found)
	}
}

func TestWhatIsNotWrittenToItsEndIsAbsent(t *testing.T) {
	ClearMemory()
	container, _ := OpenContainer("reports")
	broken := io.MultiReader(strings.NewReader("one"), iotest.ErrReader(errors.New("cut off")))
	if container.PutFrom("broken", broken) == nil {
		t.Fatal("it was cut off")
	}
	_ = container.Put("b", nil)
	_ = container.Put("a", []byte("x"))
	_ = container.Delete("absent")
	if names, _ := container.Names(); !reflect.DeepEqual(names, []string{"a", "b"}) {
		t.Fatal(names)
	}
	_ = RemoveContainer("reports")
	if names, _ := container.Names(); len(names) != 0 {
		t.Fatal(names)
	}
}
