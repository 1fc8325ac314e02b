/** Promises, HTTP functions, storage, text and the table of lines. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { HttpError, HttpRequest, HttpResponse, activity, blob, http, kv } from "weft-sdk";
import { clear } from "weft-sdk/testing";
import { lineTable, vlq } from "../bin/lines.mjs";
import { params, serve } from "../src/http.js";
import { DurablePromise, drain } from "../src/promise.js";
import { readStream } from "../src/streams.js";
import { decodeUtf8, encodeUtf8 } from "../src/utf8.js";

/** What a program logs, with the promises of components and with those of the engine. */
async function both(program) {
  const ours = [];
  program(DurablePromise, (value) => ours.push(value));
  drain();
  const theirs = [];
  program(Promise, (value) => theirs.push(value));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(ours, theirs);
  return ours;
}

test("jobs run in the order of the language", async () => {
  const seen = await both((P, log) => {
    P.resolve().then(() => log("a1")).then(() => log("a2"));
    new P((resolve) => resolve({ then: (done) => done("thenable") })).then(log);
    P.reject("bad").catch((error) => log(error)).finally(() => log("finally"));
    P.resolve(P.resolve("nested")).then(log);
    new P((resolve) => resolve(P.resolve("adopted"))).then(log);
    log("sync");
  });
  assert.equal(seen[0], "sync");
  assert.equal(seen.length, 8);
});

test("combinations settle as those of the language", async () => {
  const shown = (log, name) => [
    (value) => log([name, value]),
    (error) => log([name, String(error.message ?? error), error.errors]),
  ];
  await both((P, log) => {
    const later = P.resolve().then(() => "later");
    P.all([1, later, P.resolve(3)]).then(...shown(log, "all"));
    P.all([]).then(...shown(log, "none"));
    P.all([later, P.reject("first"), P.reject("second")]).then(...shown(log, "failed"));
    P.allSettled([later, P.reject("no")]).then(...shown(log, "settled"));
    P.any([P.reject("no"), later]).then(...shown(log, "any"));
    P.any([P.reject("a"), P.reject("b")]).then(([value]) => log(value), (error) => log(error.errors));
    P.race([new P(() => {}), later]).then(...shown(log, "race"));
    P.resolve(1).finally(() => P.reject("from finally")).then(...shown(log, "finally"));
    new P(() => {
      throw new Error("thrown");
    }).then(...shown(log, "thrown"));
    const loop = new P((resolve) => setResolve(() => resolve(loop)));
    function setResolve(action) {
      P.resolve().then(action);
    }
    loop.then(null, (error) => log(error instanceof TypeError));
  });
});

http({ name: "hello", route: "hello/{name}/{*rest}", methods: ["get"] }, (request) => {
  if (request.params.name === "nobody") throw new HttpError(404, "no-such-person", "There is nobody.");
  if (request.params.name === "bug") throw new Error("a bug");
  return { ...request.params, q: request.query.q };
});

const ask = (target) =>
  serve(new HttpRequest("GET", target, { headers: [["X-Weft-Function", "hello"]] }));

test("HTTP functions answer with values and problems", async () => {
  const answer = await ask("/api/hello/J%C3%BCrgen/a/b?q=x+y&q=z");
  assert.equal(answer.header("Content-Type"), "application/json");
  assert.deepEqual(JSON.parse(answer.text()), { name: "Jürgen", rest: "a/b", q: "x y" });
  const problem = await ask("/api/hello/nobody");
  assert.equal(problem.status, 404);
  assert.equal(JSON.parse(problem.text()).type, "urn:weft:problem:no-such-person");
  assert.equal((await ask("/api/hello/bug")).status, 500);
});

test("routes give their parameters", () => {
  assert.deepEqual(params("orders/{id:int}", "/@t/a/api/orders/7"), { id: "7" });
  assert.deepEqual(params("orders/{id?}", "/api/Orders"), {});
  assert.equal(params("orders/{id}", "/api/orders/7/more"), null);
  assert.equal(params("orders", "/elsewhere"), null);
});

test("bodies are bounded and read as JSON", async () => {
  const request = new HttpRequest("POST", "/", { body: '{"a": 1}' });
  assert.deepEqual(await request.json(), { a: 1 });
  await assert.rejects(request.bytes(3), (error) => error.status === 413);
  const broken = new HttpRequest("POST", "/", { body: "{" });
  await assert.rejects(broken.json(), (error) => error.status === 400);
  assert.equal(HttpResponse.text("x", { status: 201 }).status, 201);
});

test("storage lives in memory", async () => {
  clear();
  const bucket = await kv.open();
  assert.equal(await bucket.get("a"), undefined);
  await bucket.setJson("a", { b: [1] });
  assert.deepEqual(await (await kv.open()).getJson("a"), { b: [1] });
  assert.deepEqual([await bucket.increment("n", 2), await bucket.increment("n")], [2, 3]);
  assert.deepEqual((await bucket.keys()).sort(), ["a", "n"]);
  await bucket.delete("a");
  assert.equal(await bucket.exists("a"), false);
});

test("objects live in memory", async () => {
  clear();
  const container = await blob.open("reports");
  assert.equal(await container.get("a"), undefined);
  await container.put("a", "one, two");
  await container.put("b", Uint8Array.of());
  const read = async (range) => decodeUtf8(await (await blob.open("reports")).get("a", range));
  assert.deepEqual([await read(), await read({ start: 5 }), await read({ end: 3 })], ["one, two", "two", "one"]);
  assert.equal(await read({ start: 3, end: 1 }), "");
  assert.equal((await container.info("a")).size, 8);
  assert.deepEqual(await container.names(), ["a", "b"]);
  await container.delete("a");
  assert.equal(await container.exists("a"), false);
  await blob.remove("reports");
  assert.deepEqual(await container.names(), []);
});

test("streams are read to their end, and told apart from broken ones", () => {
  const stream = (...answers) => ({
    blockingRead() {
      const answer = answers.shift();
      if (answer instanceof Uint8Array) return answer;
      throw { payload: answer };
    },
  });
  const failed = (message) => new Error(message);
  const read = (made, most = 10) => readStream(made, most, () => failed("too long"), failed);
  const whole = read(stream(Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3), { tag: "closed" }));
  assert.deepEqual([...whole], [1, 2, 3]);
  const broken = { tag: "last-operation-failed", val: { toDebugString: () => "it was replaced" } };
  assert.throws(() => read(stream(Uint8Array.of(1), broken)), /it was replaced/);
  assert.throws(() => read(stream(Uint8Array.of(1, 2, 3)), 2), /too long/);
});

test("text survives the way through bytes", () => {
  for (const text of ["", "plain", "é€𝄞", "\ud800x"]) {
    assert.deepEqual([...encodeUtf8(text)], [...new TextEncoder().encode(text)]);
    assert.equal(decodeUtf8(encodeUtf8(text)), new TextDecoder().decode(new TextEncoder().encode(text)));
  }
  for (const bytes of [[0xff, 65], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 65], [0xe2, 0x82]]) {
    assert.ok(decodeUtf8(Uint8Array.from(bytes)).includes("\ufffd"), String(bytes));
  }
});

test("names are checked", () => {
  assert.throws(() => activity("No Name", () => 1), /cannot be a function's name/);
  assert.throws(() => activity("name"), /needs a function/);
});

test("lines of a bundle lead to their sources", () => {
  assert.deepEqual(vlq("AAgBC"), [0, 0, 16, 1]);
  const map = { sources: ["sdk.js", "app.ts"], mappings: "AAAA;ACCA;;AACA" };
  const table = lineTable(map, (source) => source === "app.ts", (source) => source);
  assert.deepEqual(table, { files: ["app.ts"], lines: [0, [0, 2], 0, [0, 3]] });
});
