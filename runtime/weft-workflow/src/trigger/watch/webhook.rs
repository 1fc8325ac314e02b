//! Triggers that are called: subscribing when they are deployed, and taking it back.

use crate::program::{Transport, Webhook};
use crate::value::{Object, Value};

use super::exchange::{Exchange, Purpose, location};
use super::plan::{Fault, Kind};
use super::state::Subscription;
use super::{Watch, What};

/// Before a subscription that failed is tried again, beyond what its retry policy says.
const AGAIN_MS: u64 = 60_000;

impl Watch {
    fn webhook(&self) -> Option<Webhook> {
        match self.plan.as_ref()?.kind {
            Kind::Webhook(webhook) => Some(webhook),
            _ => None,
        }
    }

    /// Subscribes where nobody has.
    pub(super) fn subscribe(&mut self) {
        let Some(webhook) = self.webhook() else {
            return;
        };
        if self.state.ending || self.state.subscription.is_some() || self.exchange.is_some() {
            return;
        }
        let asked = self.inputs().and_then(|inputs| match webhook {
            Webhook::Http => match member(&inputs, "subscribe") {
                Some(subscribe) => self.request(Purpose::Subscribe, Transport::Http, subscribe),
                // Whoever calls knows the URL by other ways.
                None => {
                    self.state.subscription = Some(Subscription::default());
                    Ok(())
                }
            },
            Webhook::ApiConnection => {
                let mut subscribe = inputs.as_object().cloned().unwrap_or_default();
                if subscribe.get("method").is_none() {
                    subscribe.insert("method", Value::from("POST"));
                }
                let subscribe = Value::Object(subscribe);
                self.request(Purpose::Subscribe, Transport::ApiConnection, subscribe)
            }
        });
        if let Err(fault) = asked {
            self.fault(&fault, self.now);
        }
    }

    pub(super) fn subscribed(&mut self, exchange: &Exchange, answer: Result<Value, Fault>) {
        match answer {
            Ok(answer) => {
                let location = location(&answer);
                self.state.subscription = Some(Subscription { location });
                let another = self.look.found.as_ref().is_some_and(|found| {
                    found.fingerprint.as_ref() != Some(&self.state.fingerprint)
                });
                if another || self.state.ending {
                    // The trigger was replaced while it was under way.
                    self.unsubscribe();
                }
            }
            Err(fault) => {
                self.fault(&fault, exchange.started);
                if self.look.found.is_none() {
                    self.sleep(AGAIN_MS, What::SubscribeAgain);
                }
            }
        }
    }

    /// Takes the subscription back; the execution ends when that is answered, whatever it says.
    pub(super) fn unsubscribe(&mut self) {
        let (Some(webhook), None) = (self.webhook(), &self.exchange) else {
            return;
        };
        let Some(subscription) = self.state.subscription.take() else {
            return;
        };
        let asked = self.inputs().and_then(|inputs| match webhook {
            Webhook::Http => match member(&inputs, "unsubscribe") {
                Some(unsubscribe) => {
                    self.request(Purpose::Unsubscribe, Transport::Http, unsubscribe)
                }
                None => Ok(()),
            },
            Webhook::ApiConnection => match subscription.location {
                Some(location) => {
                    let mut unsubscribe = Object::new();
                    if let Some(host) = inputs.get("host") {
                        unsubscribe.insert("host", host.clone());
                    }
                    unsubscribe.insert("method", Value::from("DELETE"));
                    unsubscribe.insert("uri", Value::from(location));
                    let unsubscribe = Value::Object(unsubscribe);
                    self.request(Purpose::Unsubscribe, Transport::ApiConnection, unsubscribe)
                }
                None => Ok(()),
            },
        });
        if let Err(fault) = asked {
            self.fault(&fault, self.now);
        }
    }
}

fn member(inputs: &Value, name: &str) -> Option<Value> {
    inputs
        .get(name)
        .filter(|value| value.get("uri").is_some())
        .cloned()
}
