//! The patterns of durable orchestrations, each as small as it can be. A saga, with compensation of
//! what was done, is the sample `order-fulfilment`.

mod approval;
mod archive;
mod bank;
mod chain;
mod eternal;
mod fan_out;
mod monitor;
mod parent;
mod tidy;
mod work;

weft_sdk::export! {
    orchestrators: [
        chain::chain,
        chain::call_by_name,
        fan_out::fan_out,
        monitor::monitor,
        approval::approval,
        eternal::eternal,
        parent::parent,
        parent::child,
        bank::transfer,
        bank::aggregate,
    ],
    activities: [
        work::double,
        work::probe,
        work::count,
        work::flaky,
        tidy::start_batch,
        tidy::tidy_batch,
        archive::archive,
    ],
    entities: [bank::Account, bank::Counter],
}
