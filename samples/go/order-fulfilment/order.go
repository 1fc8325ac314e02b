package main

// order is what the shop takes.
type order struct {
	ID       string `json:"id"`
	Item     string `json:"item"`
	Quantity uint32 `json:"quantity"`
	// TotalCents is the price of the whole order.
	TotalCents uint64 `json:"total_cents"`
	// Card is the token that the payment provider gave.
	Card string `json:"card"`
	// Country is the ISO 3166 code of where it goes.
	Country string `json:"country"`
	// ApprovalSeconds is how long somebody may take to approve a large order; a day if absent.
	ApprovalSeconds uint64 `json:"approval_seconds"`
}

// approval is the payload of the event of that name.
type approval struct {
	Approved bool   `json:"approved"`
	By       string `json:"by"`
}

type reservation struct {
	ID string `json:"id"`
}

type receipt struct {
	ID    string `json:"id"`
	Cents uint64 `json:"cents"`
	// BankCalls is how often the bank was asked, crashes included.
	BankCalls uint64 `json:"bank_calls"`
}

type parcel struct {
	Tracking string `json:"tracking"`
}

// outcome is how it ended: fulfilled with a receipt and a parcel, or cancelled with the rest.
type outcome struct {
	Status  string   `json:"status"`
	Receipt *receipt `json:"receipt,omitempty"`
	Parcel  *parcel  `json:"parcel,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Message string   `json:"message,omitempty"`
	// Undone is what had been done, the last first.
	Undone []string `json:"undone,omitempty"`
}

// stage is what the custom status shows.
type stage struct {
	Stage   string `json:"stage"`
	Cents   uint64 `json:"cents,omitempty"`
	Seconds uint64 `json:"seconds,omitempty"`
}
