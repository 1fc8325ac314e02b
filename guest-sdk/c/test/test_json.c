/* JSON of the SDK, natively: cc -o test_json test_json.c ../weft*.c -lm && ./test_json */
#include "../weft.h"

#include <stdio.h>
#include <string.h>

static int passed, failed;

static void check(const char *what, bool holds) {
  holds ? passed++ : failed++;
  if (!holds) printf("FAILED: %s\n", what);
}

const weft_function weft_functions[] = {{0}};

static bool same(const char *a, const char *b) { return a && b && !strcmp(a, b); }

int main(void) {
  const char *order = " { \"id\" : \"a\\\"b\", \"n\": [1, {\"x\": [2]}, \"t\"], \"big\":1e3,\"no\":null }";
  check("a member", same(weft_json_get(order, "id"), "\"a\\\"b\""));
  check("a text", same(weft_json_string(weft_json_get(order, "id")), "a\"b"));
  check("a number", weft_json_number(weft_json_get(order, "big"), 0) == 1000);
  check("no number", weft_json_number(weft_json_get(order, "id"), -1) == -1);
  check("an absent member", !weft_json_get(order, "other"));
  check("an item", same(weft_json_item(weft_json_get(order, "n"), 1), "{\"x\": [2]}"));
  check("past the last item", !weft_json_item(weft_json_get(order, "n"), 3));
  check("a literal", weft_json_is(weft_json_get(order, "no"), "null"));
  check("not a literal", !weft_json_is("nullx", "null"));
  check("escapes", same(weft_json_string("\"\\u00e9\\ud834\\udd1e\\n\""), "\u00e9\U0001d11e\n"));
  check("cut off", !weft_json_string("\"abc") && !weft_json_get("{\"a\":[1,", "a"));
  check("quoted", same(weft_json_quote("a\"\\\n"), "\"a\\\"\\\\\\u000a\""));
  const char *text = "any \"text\" with \t and \u20ac";
  check("there and back", same(weft_json_string(weft_json_quote(text)), text));
  weft_fail("kind", "message", true);
  check("a failure", weft_last_failure()->retryable && same(weft_last_failure()->kind, "kind"));
  printf("# pass %d\n# fail %d\n", passed, failed);
  return failed != 0;
}
