// The stamp in Go.
package main

import weft "weft.dev/sdk"

// parcel is handed from language to language.
type parcel struct {
	ID     int      `json:"id"`
	Stamps []string `json:"stamps"`
}

var _ = weft.Activity("stamp-go", func(_ weft.Call, parcel parcel) (any, error) {
	parcel.Stamps = append(parcel.Stamps, "go")
	return parcel, nil
}, "Stamps a parcel.")

func main() {}
