// The smallest HTTP function.
package main

import weft "weft.dev/sdk"

// Greets the world, or whom the query names.
var _ = weft.HTTP("hello", func(request *weft.Request) (*weft.Response, error) {
	name := request.Query().Get("name")
	if name == "" {
		name = "world"
	}
	return weft.Text("Hello, " + name + "!\n"), nil
})

func main() {}
