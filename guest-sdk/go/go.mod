module weft.dev/sdk

go 1.24
