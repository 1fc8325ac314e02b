/* What an order says, and the activities of the shop. */
#ifndef ORDER_H
#define ORDER_H

#include "weft.h"

typedef struct {
  const char *id, *item, *card, *country;
  double quantity, total_cents, approval_seconds;
} order;

/* False, after weft_fail, where it is none. */
bool order_read(const char *json, order *read);

const char *reserve(const char *input, const weft_call *call);
const char *release_goods(const char *input, const weft_call *call);
const char *ship(const char *input, const weft_call *call);
const char *charge(const char *input, const weft_call *call);
const char *refund(const char *input, const weft_call *call);

#endif
