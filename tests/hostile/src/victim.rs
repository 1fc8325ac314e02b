//! The victim's customers: they ask at fixed times, whether or not the last answer has come, so that
//! a slow node is measured as its customers feel it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// Between two customers.
const EVERY: Duration = Duration::from_millis(10);
/// Who gets no answer within this goes elsewhere.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
struct Visit {
    at: Instant,
    /// `None` until it is answered as it should be.
    took: Option<Duration>,
}

/// Customers that come and go until this is dropped.
pub struct Victim {
    visits: Arc<Mutex<Vec<Visit>>>,
    task: JoinHandle<()>,
}

/// What the customers of a while saw.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Service {
    pub visits: usize,
    /// Of all, those that were answered in time.
    pub answered: f64,
    /// Of all, in milliseconds; who got no answer counts as long as the patience.
    pub p99_ms: f64,
}

impl Victim {
    /// Customers of the function at `url`.
    #[must_use]
    pub fn open(http: Client, url: String) -> Self {
        let visits = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&visits);
        let task = tokio::spawn(async move {
            let mut clock = interval(EVERY);
            clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
            loop {
                let at = clock.tick().await;
                let number = {
                    let mut visits = kept.lock().expect("no panic while it is held");
                    visits.push(Visit { at, took: None });
                    visits.len() - 1
                };
                let (request, kept) = (http.get(&url).timeout(PATIENCE), Arc::clone(&kept));
                tokio::spawn(async move {
                    let answered = match request.send().await {
                        Ok(answer) => answer.status() == 200 && answer.bytes().await.is_ok(),
                        Err(_) => false,
                    };
                    if answered {
                        let mut visits = kept.lock().expect("no panic while it is held");
                        visits[number].took = Some(at.elapsed());
                    }
                });
            }
        });
        Self { visits, task }
    }

    /// What the customers saw that came since `from`. Waits for those that still wait.
    pub async fn since(&self, from: Instant) -> Service {
        let until = Instant::now();
        sleep(EVERY).await;
        let deadline = until + PATIENCE;
        loop {
            let took = self.took(from, until);
            if took.iter().all(Option::is_some) || Instant::now() > deadline {
                return Service::of(&took);
            }
            sleep(EVERY).await;
        }
    }

    fn took(&self, from: Instant, until: Instant) -> Vec<Option<Duration>> {
        let visits = self.visits.lock().expect("no panic while it is held");
        let within = visits
            .iter()
            .filter(|visit| visit.at >= from && visit.at <= until);
        within.map(|visit| visit.took).collect()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    fn of(took: &[Option<Duration>]) -> Self {
        if took.is_empty() {
            return Self::default();
        }
        let mut times: Vec<_> = took.iter().map(|took| took.unwrap_or(PATIENCE)).collect();
        times.sort_unstable();
        let answered = took
            .iter()
            .filter(|took| took.is_some_and(|t| t <= PATIENCE));
        let rank = (times.len() * 99).div_ceil(100) - 1;
        Self {
            visits: took.len(),
            answered: answered.count() as f64 / took.len() as f64,
            p99_ms: times[rank].as_secs_f64() * 1e3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_answered_counts() {
        let mut took = vec![Some(Duration::from_millis(2)); 98];
        took.extend([Some(Duration::from_millis(9)), None]);
        let service = Service::of(&took);
        assert_eq!((service.visits, service.answered), (100, 0.99));
        assert_eq!(service.p99_ms, 9.0);
        assert_eq!(Service::of(&[None, None]).p99_ms, 1000.0);
    }
}
