//! Entities: a counter that gathers what many send, and accounts between which money is moved
//! under a lock, so that nobody sees it on neither or on both.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::entity::{Answer, Operation};
use weft_sdk::{Context, Entity, EntityId, Failure, orchestrator};

use crate::chain::chain;

/// Gathers what is sent to it.
#[derive(Default, Serialize, Deserialize)]
pub struct Counter {
    value: i64,
}

impl Entity for Counter {
    const NAME: &'static str = "counter";

    fn operate(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        match operation.name() {
            "add" => self.value += operation.input::<i64>()?,
            "get" => {}
            // Passes what it has on to another counter and begins anew.
            "pour" => {
                let to: String = operation.input()?;
                operation.signal(&EntityId::of::<Self>(to), "add", &self.value)?;
                self.value = 0;
            }
            // Lets an orchestration work on what it has.
            "launch" => {
                let id: String = operation.input()?;
                operation.start::<chain>(&self.value, Some(&id))?;
            }
            _ => return operation.unknown(),
        }
        operation.answer(&self.value)
    }
}

/// Money.
#[derive(Default, Serialize, Deserialize)]
pub struct Account {
    balance: i64,
}

impl Entity for Account {
    const NAME: &'static str = "account";

    fn operate(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        match operation.name() {
            "deposit" => self.balance += operation.input::<i64>()?,
            "withdraw" => {
                let amount: i64 = operation.input()?;
                if amount > self.balance {
                    let message = format!("there is only {}", self.balance);
                    return Err(Failure::permanent("no-funds", message));
                }
                self.balance -= amount;
            }
            "balance" => {}
            _ => return operation.unknown(),
        }
        operation.answer(&self.balance)
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Transfer {
    pub from: String,
    pub to: String,
    pub amount: i64,
}

/// Moves money; the balance of both stays what it is in the eyes of everybody else.
#[orchestrator]
pub async fn transfer(ctx: Context, order: Transfer) -> Result<bool, Failure> {
    let from = EntityId::of::<Account>(order.from);
    let to = EntityId::of::<Account>(order.to);
    let lock = ctx.lock(&[from.clone(), to.clone()]).await;
    let balance: i64 = ctx.call_entity(&from, "balance", &()).await?;
    if balance < order.amount {
        return Ok(false);
    }
    let _: i64 = ctx.call_entity(&from, "withdraw", &order.amount).await?;
    let _: i64 = ctx.call_entity(&to, "deposit", &order.amount).await?;
    lock.release();
    Ok(true)
}

/// Aggregator: sends that many ones to a counter and reads it.
#[orchestrator]
pub async fn aggregate(ctx: Context, count: i64) -> Result<i64, Failure> {
    let counter = EntityId::of::<Counter>(ctx.instance_id());
    for _ in 0..count {
        ctx.signal_entity(&counter, "add", &1)?;
    }
    ctx.call_entity(&counter, "get", &()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_sdk::entity::Tested;
    use weft_sdk::testing::Orchestration;

    #[test]
    fn money_that_is_not_there_is_not_moved() {
        let order = Transfer {
            from: "a".to_owned(),
            to: "b".to_owned(),
            amount: 1,
        };
        let run = Orchestration::new(transfer, order).entity::<Account>();
        assert_eq!(run.run::<bool, _>().result, Ok(false));
    }

    #[test]
    fn a_counter_starts_an_orchestration() {
        let mut counter = Tested::<Counter>::new("c");
        counter.operate::<i64>("add", &3).unwrap();
        counter.operate::<i64>("launch", &"run").unwrap();
        let started = ("chain".to_owned(), "start".to_owned(), "3".to_owned());
        assert_eq!(counter.sent(), [started]);
    }

    #[test]
    fn what_is_sent_is_gathered() {
        let run = Orchestration::new(aggregate, 5).entity::<Counter>();
        assert_eq!(run.run::<i64, _>().result, Ok(5));
    }
}
