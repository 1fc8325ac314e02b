/* The warehouse and the payment provider. What they remember is in key-value storage. */
#include <string.h>

#include "order.h"

/* There are twenty of everything. */
static const double STOCK = 20;
static const char *const DELIVERS_TO[] = {"AT", "CH", "DE", "FR", "NL"};
/* At which attempt the slow bank answers. */
static const uint64_t SLOW_BANK_ANSWERS_AT = 3;

bool order_read(const char *json, order *read) {
  *read = (order){
      .id = weft_json_string(weft_json_get(json, "id")),
      .item = weft_json_string(weft_json_get(json, "item")),
      .card = weft_json_string(weft_json_get(json, "card")),
      .country = weft_json_string(weft_json_get(json, "country")),
      .quantity = weft_json_number(weft_json_get(json, "quantity"), 0),
      .total_cents = weft_json_number(weft_json_get(json, "total_cents"), 0),
      .approval_seconds = weft_json_number(weft_json_get(json, "approval_seconds"), 24 * 60 * 60),
  };
  if (read->id && read->item && read->card && read->country) return true;
  weft_fail("invalid-input", "An order has id, item, card and country.", false);
  return false;
}

/* The text of the member `id`. */
static char *id_of(const char *json) { return weft_json_string(weft_json_get(json, "id")); }

/* Puts the goods of an order aside. */
const char *reserve(const char *input, const weft_call *call) {
  order order;
  weft_bucket bucket;
  if (!order_read(input, &order)) return weft_fail_again();
  if (order.quantity <= 0 || order.quantity > STOCK) {
    const char *message = weft_format("There are %.0f of %s, not %.0f.", STOCK, order.item, order.quantity);
    return weft_fail("out-of-stock", message, false);
  }
  const char *id = weft_format("reservation/%s/%s", order.id, call->idempotency_key);
  const char *pieces = weft_format("%.0f", order.quantity);
  if (!weft_kv_open("default", &bucket) || !weft_kv_set(bucket, id, pieces)) return weft_fail_again();
  return weft_format("{\"id\":%s}", weft_json_quote(id));
}

/* Puts reserved goods back; goods that are back stay there. */
const char *release_goods(const char *input, const weft_call *call) {
  (void)call;
  weft_bucket bucket;
  const char *id = id_of(input);
  if (!id) return weft_fail("invalid-input", "A reservation has an id.", false);
  if (!weft_kv_open("default", &bucket) || !weft_kv_delete(bucket, id)) return weft_fail_again();
  return "null";
}

/* Sends the goods of an order. */
const char *ship(const char *input, const weft_call *call) {
  (void)call;
  order order;
  if (!order_read(input, &order)) return weft_fail_again();
  for (size_t at = 0; at < sizeof DELIVERS_TO / sizeof *DELIVERS_TO; at++)
    if (!strcmp(order.country, DELIVERS_TO[at])) {
      const char *tracking = weft_format("%s-%s", order.country, order.id);
      return weft_format("{\"tracking\":%s}", weft_json_quote(tracking));
    }
  return weft_fail("undeliverable", weft_format("Nothing is delivered to %s.", order.country), false);
}

/* Takes the money for an order, once for each call of it. Like the test mode of a real payment
 * provider, it behaves as the card's token says. */
const char *charge(const char *input, const weft_call *call) {
  order order;
  weft_bucket bucket;
  const char *known;
  uint64_t calls;
  if (!order_read(input, &order)) return weft_fail_again();
  const char *key = weft_format("charge/%s/%s", order.id, call->idempotency_key);
  if (!weft_kv_open("default", &bucket) || !weft_kv_get(bucket, key, &known)) return weft_fail_again();
  /* The money was taken and the answer lost: the same receipt again. */
  if (known) return known;
  if (!weft_kv_increment(bucket, weft_format("%s/calls", key), 1, &calls)) return weft_fail_again();
  bool slow = !strcmp(order.card, "tok-slow-bank");
  if ((slow && calls < SLOW_BANK_ANSWERS_AT) || !strcmp(order.card, "tok-offline-bank")) {
    const char *message = weft_format("The bank did not answer call %llu.", (unsigned long long)calls);
    return weft_fail("bank-unavailable", message, true);
  }
  if (!strcmp(order.card, "tok-no-funds")) return weft_fail("declined", "The card has no funds.", false);
  if (!slow && strcmp(order.card, "tok-visa"))
    return weft_fail("unknown-card", "The card's token is not known.", false);
  const char *receipt = weft_format("{\"id\":%s,\"cents\":%.0f,\"bank_calls\":%llu}", weft_json_quote(key),
                                    order.total_cents, (unsigned long long)calls);
  return weft_kv_set(bucket, key, receipt) ? receipt : weft_fail_again();
}

/* Gives the money back; once given back, nothing happens any more. */
const char *refund(const char *input, const weft_call *call) {
  (void)call;
  weft_bucket bucket;
  const char *id = id_of(input), *cents = weft_json_get(input, "cents");
  if (!id || !cents) return weft_fail("invalid-input", "A receipt has an id and cents.", false);
  const char *key = weft_format("%s/refunded", id);
  if (!weft_kv_open("default", &bucket) || !weft_kv_set(bucket, key, cents)) return weft_fail_again();
  return "null";
}
