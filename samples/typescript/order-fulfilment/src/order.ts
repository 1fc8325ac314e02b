/** What goes in and what comes out. */

/** An order as the shop takes it. */
export interface Order {
  id: string;
  item: string;
  quantity: number;
  /** The price of the whole order. */
  total_cents: number;
  /** The token that the payment provider gave for the customer's card. */
  card: string;
  /** ISO 3166 code of the country that it goes to. */
  country: string;
  /** How long somebody may take to approve a large order; a day if absent. */
  approval_seconds?: number;
}

/** The payload of the event `approval`. */
export interface Approval {
  approved: boolean;
  by: string;
}

/** Goods put aside. */
export interface Reservation {
  id: string;
}

/** Money taken. */
export interface Receipt {
  id: string;
  cents: number;
  /** How often the bank was asked, crashes included. */
  bank_calls: number;
}

/** Goods on their way. */
export interface Parcel {
  tracking: string;
}

/** How it ended. */
export type Outcome =
  | { status: "fulfilled"; receipt: Receipt; parcel: Parcel }
  | {
      status: "cancelled";
      /** A stable name, such as `declined` or `not-approved`. */
      reason: string;
      message: string;
      /** What had been done and was undone, the last first. */
      undone: string[];
    };
