/* The smallest HTTP function. */
#include "weft.h"

/* Greets the world, or whom the query names. */
static weft_response hello(weft_request *request) {
  const char *name = weft_request_query(request, "name");
  return weft_text(200, weft_format("Hello, %s!\n", name ? name : "world"));
}

const weft_function weft_functions[] = {
    {.name = "hello", .http = hello},
    {0},
};
