module hello-http

go 1.24

require weft.dev/sdk v0.1.0

replace weft.dev/sdk => ../../../guest-sdk/go
