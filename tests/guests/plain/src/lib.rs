//! A component that knows nothing of weft: plain functions over every kind of type.

wit_bindgen::generate!({ path: "wit", world: "shop" });

use exports::demo::shop::pricing::{
    Currency, Delivery, Extras, Guest as Pricing, Item, Quote, Refusal,
};
use exports::demo::shop::sessions::{Guest as Sessions, GuestSession, Session};

struct Shop;

impl Guest for Shop {
    fn greet(name: String) -> String {
        assert!(!name.is_empty(), "somebody has to be greeted");
        format!("Hello, {name}!")
    }
}

impl Pricing for Shop {
    fn price(items: Vec<Item>, delivery: Delivery, extras: Extras) -> Result<Quote, Refusal> {
        if items.is_empty() {
            return Err(Refusal::Closed);
        }
        if let Some(item) = items.iter().find(|item| item.name == "moon") {
            return Err(Refusal::UnknownItem(item.name.clone()));
        }
        let pieces: u64 = items.iter().map(|item| u64::from(item.pieces)).sum();
        let way = match delivery {
            Delivery::Pickup => 0,
            Delivery::Shipped((_, postage)) => u64::from(postage),
        };
        let express = if extras.contains(Extras::EXPRESS) {
            1000
        } else {
            0
        };
        Ok(Quote {
            cents: pieces * 100 + way + express,
            currency: Currency::Chf,
            factor: f64::NAN,
            history: vec![None, Some(None), Some(Some(-1))],
            checked: Ok(items.iter().all(|item| item.note.is_none())),
        })
    }

    fn turn(quote: Quote) -> Quote {
        quote
    }
}

struct Nobody;

impl GuestSession for Nobody {
    fn new() -> Self {
        Self
    }

    fn user(&self) -> String {
        String::new()
    }
}

impl Sessions for Shop {
    type Session = Nobody;

    fn open() -> Session {
        Session::new(Nobody)
    }

    fn count() -> u32 {
        0
    }

    fn twice(number: u32) -> u32 {
        number * 2
    }
}

export!(Shop);
