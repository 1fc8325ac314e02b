/* Fulfils orders: reserve, have large ones approved, charge, ship; whatever fails, everything done
 * before is undone. */
#include "order.h"

/* Orders above this need a person's approval. */
static const double APPROVAL_FREE_CENTS = 50000;

/* What has been done and must be undone when a later step fails: JSON, or NULL. */
typedef struct {
  const char *reservation, *receipt;
} done;

/* Calls an activity: one second, two, four and so on, but never more than a minute between two
 * attempts. */
static const char *patiently(const char *activity, const char *input, uint32_t attempts) {
  weft_retry retry = {attempts, 1000, 2, 60000, 0};
  return weft_wait(weft_call_activity(activity, input, &retry));
}

/* Waits for a person, but not for ever. */
static bool approved(const order *order) {
  weft_set_status(weft_format("{\"stage\":\"awaiting-approval\",\"cents\":%.0f,\"seconds\":%.0f}",
                              order->total_cents, order->approval_seconds));
  bool late;
  const char *answer = weft_wait_within(weft_event("approval"), order->approval_seconds * 1000, &late);
  if (late) weft_fail("approval-timeout", "Nobody approved the order in time.", false);
  if (!answer) return false;
  if (weft_json_is(weft_json_get(answer, "approved"), "true")) return true;
  const char *by = weft_json_string(weft_json_get(answer, "by"));
  weft_fail("not-approved", weft_format("%s did not approve the order.", by ? by : "Somebody"), false);
  return false;
}

/* The parcel, or NULL for a failure. */
static const char *forward(const char *input, const order *order, done *done) {
  weft_set_status("{\"stage\":\"reserving\"}");
  done->reservation = patiently("reserve", input, 3);
  if (!done->reservation) return NULL;
  if (order->total_cents > APPROVAL_FREE_CENTS && !approved(order)) return NULL;
  weft_set_status("{\"stage\":\"charging\"}");
  done->receipt = patiently("charge", input, 4);
  if (!done->receipt) return NULL;
  weft_set_status("{\"stage\":\"shipping\"}");
  return patiently("ship", input, 3);
}

/* Fulfils an order. When a step fails for good, the steps before it are undone, the last one first.
 * Undoing must succeed, so it is tried for long. */
static const char *fulfil(const char *input) {
  order order;
  done done = {0};
  if (!order_read(input, &order)) return weft_fail_again();
  const char *parcel = forward(input, &order, &done);
  if (parcel) {
    weft_set_status("{\"stage\":\"done\"}");
    return weft_format("{\"status\":\"fulfilled\",\"receipt\":%s,\"parcel\":%s}", done.receipt, parcel);
  }
  weft_failure why = *weft_last_failure();
  weft_set_status("{\"stage\":\"undoing\"}");
  if (done.receipt && !patiently("refund", done.receipt, 20)) return weft_fail_again();
  if (done.reservation && !patiently("release", done.reservation, 20)) return weft_fail_again();
  weft_set_status("{\"stage\":\"done\"}");
  return weft_format("{\"status\":\"cancelled\",\"reason\":%s,\"message\":%s,\"undone\":[%s%s%s]}",
                     weft_json_quote(why.kind), weft_json_quote(why.message),
                     done.receipt ? "\"charge\"" : "", done.receipt ? "," : "",
                     done.reservation ? "\"reserve\"" : "");
}

const weft_function weft_functions[] = {
    {.name = "fulfil", .description = "Fulfils an order.", .orchestrator = fulfil},
    {.name = "reserve", .description = "Puts the goods of an order aside.", .activity = reserve},
    {.name = "release", .description = "Puts reserved goods back.", .activity = release_goods},
    {.name = "ship", .description = "Sends the goods of an order.", .activity = ship},
    {.name = "charge", .description = "Takes the money for an order.", .activity = charge},
    {.name = "refund", .description = "Gives the money back.", .activity = refund},
    {0},
};
