/* HTTP functions, natively: cc -o test_http test_http.c ../weft*.c -lm && ./test_http */
#include "../weft.h"

#include <stdio.h>
#include <string.h>

static int passed, failed;

static void check(const char *what, bool holds) {
  holds ? passed++ : failed++;
  if (!holds) printf("FAILED: %s\n", what);
}

static bool same(const char *a, const char *b) { return a && b && !strcmp(a, b); }

static weft_response greet(weft_request *request) {
  const char *name = weft_request_param(request, "name");
  const char *rest = weft_request_param(request, "rest");
  const char *mark = weft_request_query(request, "mark");
  return weft_text(200, weft_format("%s|%s|%s", name ? name : "-", rest ? rest : "-", mark ? mark : "-"));
}

static weft_response echo(weft_request *request) {
  size_t length;
  const char *body = weft_request_body(request, &length);
  if (!body) return weft_failed();
  weft_response made = weft_json(201, body);
  made.length = length;
  return made;
}

static weft_response failing(weft_request *request) {
  (void)request;
  weft_fail("not-found", "There is \"none\".", false);
  return weft_failed();
}

const weft_function weft_functions[] = {
    {.name = "greeting", .http = greet, .route = "greetings/{name:alpha}/{*rest}", .methods = "GET HEAD"},
    {.name = "echo", .http = echo, .methods = "POST"},
    {.name = "failing", .http = failing, .route = "failing/{id?}"},
    {0},
};

static weft_response answer(const char *method, const char *target) {
  weft_request request = {.method = method, .target = target};
  return weft_serve(&request);
}

static bool says(weft_response response, int status, const char *body) {
  return response.status == status && response.length == strlen(body) &&
         !memcmp(response.body, body, response.length);
}

int main(void) {
  check("parameters and query", says(answer("GET", "/api/greetings/Ada%20L/a%2Fb/c?x=1&mark=%21+a"), 200,
                                     "Ada L|a/b/c|! a"));
  check("absent ones", says(answer("GET", "/@t/app/api/GREETINGS/Ada"), 200, "Ada||-"));
  check("no escape", says(answer("GET", "/api/greetings/%zz%00%4"), 200, "%zz%00%4||-"));
  check("a query without a value", says(answer("HEAD", "/api/greetings/A?mark"), 200, "A||"));
  check("another method", answer("POST", "/api/greetings/Ada").status == 404);
  check("part of a method", answer("PO", "/api/echo").status == 404);
  check("another path", answer("GET", "/greetings/Ada").status == 404);
  check("too short", answer("GET", "/api/greetings").status == 404);
  check("optional", same(weft_json_string(weft_json_get(answer("GET", "/api/failing").body, "detail")),
                         "There is \"none\"."));
  check("too long", !strstr(answer("GET", "/api/failing/1/2").body, "none"));
  weft_response problem = answer("GET", "/api/failing/1");
  check("a problem", same(problem.content_type, "application/problem+json") &&
                         same(weft_json_string(weft_json_get(problem.body, "detail")), "There is \"none\".") &&
                         same(weft_json_string(weft_json_get(problem.body, "title")), "not found"));
  weft_request post = {.method = "POST", .target = "/api/echo", .body = "[1]", .length = 3};
  check("a body", says(weft_serve(&post), 201, "[1]"));
  weft_header header = {"X-Weft-Function", "failing"};
  weft_request named = {.method = "GET", .target = "/api/echo", .headers = &header, .header_count = 1};
  check("the name counts", same(weft_json_string(weft_json_get(weft_serve(&named).body, "detail")),
                                "There is \"none\"."));
  printf("# pass %d\n# fail %d\n", passed, failed);
  return failed != 0;
}
