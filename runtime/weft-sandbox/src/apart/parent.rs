//! The node's side: starting processes, and calls into them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use wasmtime_wasi_http::Error;
use weft_app::DescribedFunction;
use weft_id::{AppId, Component, Tenant};
use weft_orchestration::Payload;
use weft_store::Digest;

use super::child::{ActivityHead, DescribeHead, Done};
use super::serve::{Functions, serve};
use super::wire::{
    BoxBody, BoxError, Called, HttpHead, Refusal, Sender, Setup, ask, collect, connect, message,
    whole,
};
use crate::activity::{ActivityCall, Completed, Usage};
use crate::config::{GuestLimits, Invocation, Isolation};
use crate::egress::Egress;
use crate::metering::CallMeter;
use crate::services::Services;
use crate::{Body, CallError, Sandbox, UploadError};

/// A process that nothing was asked of for so long is ended.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// A child has its own clock; this one is for a child that does not answer at all.
const GRACE: Duration = Duration::from_secs(2);
const DESCRIBE_MAX: Duration = Duration::from_secs(30);
/// How long handing a component over takes.
const LOAD_MAX: Duration = Duration::from_secs(30);

/// The processes of tenants.
pub(crate) struct Apart {
    isolation: Isolation,
    guest: GuestLimits,
    services: Arc<Services>,
    egress: Arc<Egress>,
    processes: tokio::sync::Mutex<HashMap<Tenant, Arc<Process>>>,
}

struct Process {
    sender: Sender,
    /// What it has been given; held while something is on its way.
    loaded: tokio::sync::Mutex<HashSet<Digest>>,
    /// The functions that were called there, with their grants.
    functions: Functions,
    used: Mutex<Instant>,
    /// Processor time of it that is counted already.
    counted: Mutex<Duration>,
    /// Ended with this value.
    child: tokio::process::Child,
    serving: JoinHandle<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Process {
    /// Processor time that the whole process has used since this was last asked. Calls that run at one
    /// time there cannot be told apart; their tenant is the same.
    fn used_since(&self) -> Duration {
        let all = self.child.id().and_then(processor_time).unwrap_or_default();
        let mut counted = self.counted.lock().expect("no panic while it is held");
        let since = all.saturating_sub(*counted);
        *counted = all.max(*counted);
        since
    }
}

/// In user and kernel mode, as the kernel tells it in hundredths of a second.
fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, which may hold anything, is in parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).take(2);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (next()? + next()?)))
}

impl Apart {
    pub(crate) fn new(
        isolation: Isolation,
        guest: GuestLimits,
        services: &Arc<Services>,
        egress: &Arc<Egress>,
    ) -> Self {
        Self {
            isolation,
            guest,
            services: Arc::clone(services),
            egress: Arc::clone(egress),
            processes: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn holds(&self, tenant: &Tenant) -> bool {
        self.isolation.holds(tenant)
    }

    /// The process of a tenant, started where there is none.
    async fn process(&self, tenant: &Tenant) -> Result<Arc<Process>, CallError> {
        let mut processes = self.processes.lock().await;
        processes.retain(|_, process| {
            let idle = process.used.lock().expect("no panic while it is held");
            let wanted = idle.elapsed() < IDLE_MAX || Arc::strong_count(process) > 1;
            wanted && !process.sender.is_closed()
        });
        if let Some(process) = processes.get(tenant) {
            *process.used.lock().expect("no panic while it is held") = Instant::now();
            return Ok(Arc::clone(process));
        }
        let process = Arc::new(self.start(tenant).await.map_err(lost)?);
        processes.insert(tenant.clone(), Arc::clone(&process));
        Ok(process)
    }

    async fn start(&self, tenant: &Tenant) -> Result<Process, BoxError> {
        let setup = Setup {
            memory_bytes: self.isolation.memory_bytes_max,
            instances: self.isolation.instances,
            threads: self.isolation.threads,
            guest: self.guest.into(),
        };
        let (calls, calls_there) = StdUnixStream::pair()?;
        let (asks, asks_there) = StdUnixStream::pair()?;
        let child = tokio::process::Command::new(&self.isolation.program)
            .args(&self.isolation.args)
            .arg(serde_json::to_string(&setup)?)
            .env_clear()
            .stdin(OwnedFd::from(calls_there))
            .stdout(OwnedFd::from(asks_there))
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let functions = Functions::default();
        let serving = serve(
            tenant.clone(),
            socket(asks)?,
            Arc::clone(&self.services),
            Arc::clone(&self.egress),
            Arc::clone(&functions),
        );
        tracing::info!(%tenant, pid = child.id(), "guests of a tenant have a process of their own");
        Ok(Process {
            sender: connect(socket(calls)?).await?,
            loaded: tokio::sync::Mutex::default(),
            functions,
            used: Mutex::new(Instant::now()),
            counted: Mutex::default(),
            child,
            serving: tokio::spawn(serving),
        })
    }

    /// The process, ready for calls of a component.
    async fn ready(
        &self,
        sandbox: &Sandbox,
        tenant: &Tenant,
        digest: Digest,
    ) -> Result<Arc<Process>, CallError> {
        let process = self.process(tenant).await?;
        let mut loaded = process.loaded.lock().await;
        if !loaded.contains(&digest) {
            let native = sandbox.native_code(tenant, digest).await?;
            let load = message("/load", &digest, whole(native)).map_err(lost)?;
            let asked = ask::<Option<String>>(&process.sender, load);
            let Ok(answer) = tokio::time::timeout(LOAD_MAX, asked).await else {
                self.give_up(tenant, &process).await;
                return Err(lost("it does not answer".into()));
            };
            let (refused, _) = answer.map_err(lost)?;
            if let Some(why) = refused {
                return Err(CallError::Internal(why));
            }
            loaded.insert(digest);
        }
        drop(loaded);
        Ok(process)
    }

    /// Lets the next call meet another process than this one, which does not answer. It ends when the
    /// last of its calls has.
    async fn give_up(&self, tenant: &Tenant, process: &Arc<Process>) {
        let mut processes = self.processes.lock().await;
        let held = processes.get(tenant);
        if held.is_some_and(|held| Arc::ptr_eq(held, process)) {
            processes.remove(tenant);
        }
    }

    /// As [`Sandbox::http`].
    pub(crate) async fn http<B>(
        &self,
        sandbox: &Sandbox,
        call: &Invocation,
        request: Request<B>,
        held: impl Send + 'static,
        meter: &CallMeter,
    ) -> Result<Response<Body>, CallError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let process = self.ready_for(sandbox, call).await?;
        let head = (Called::from(call), HttpHead::of_request(&request));
        let body = request.into_body();
        let body: BoxBody = body
            .map_err(|error| io::Error::other(error.into()))
            .boxed_unsync();
        let asked = message("/http", &head, body).map_err(lost)?;
        let asked = ask::<Result<HttpHead, Refusal>>(&process.sender, asked);
        let asked = within(call, asked).await;
        meter.cpu(process.used_since());
        if matches!(asked, Err(CallError::Timeout(_))) {
            // It has a clock of its own, which ends calls in time.
            self.give_up(&call.app.tenant, &process).await;
        }
        let (answer, body) = asked?;
        let head = answer.map_err(CallError::from)?;
        // The process stays, and the place is taken, for as long as the body is read.
        let held = (process, held);
        let body = body.map_err(move |error| {
            let _held = &held;
            Error::InternalError(Some(format!("the function broke off: {error}")))
        });
        let limits = &self.guest;
        let body = Body::new(
            body.boxed_unsync(),
            None,
            limits.output_bytes_max,
            limits.idle_max + GRACE,
        );
        head.into_response(body).map_err(lost)
    }

    /// As [`Sandbox::activity`].
    pub(crate) async fn activity(
        &self,
        sandbox: &Sandbox,
        call: &Invocation,
        input: &str,
        of: ActivityCall,
        meter: &CallMeter,
    ) -> Result<Completed, CallError> {
        let process = self.ready_for(sandbox, call).await?;
        let head = ActivityHead {
            called: Called::from(call),
            instance_id: of.instance_id,
            idempotency_key: of.idempotency_key,
            attempt: of.attempt,
        };
        let asked = message("/activity", &head, whole(input.to_owned())).map_err(lost)?;
        let asked = ask::<Result<Done, Refusal>>(&process.sender, asked);
        let asked = within(call, asked).await;
        meter.cpu(process.used_since());
        if matches!(asked, Err(CallError::Timeout(_))) {
            // It has a clock of its own, which ends calls in time.
            self.give_up(&call.app.tenant, &process).await;
        }
        let (answer, body) = asked?;
        let done = answer.map_err(CallError::from)?;
        let bytes_max = usize::try_from(self.guest.output_bytes_max).unwrap_or(usize::MAX);
        let output = collect(body, bytes_max).await.map_err(lost)?;
        let output = String::from_utf8(output.to_vec()).map_err(|error| lost(error.into()))?;
        Ok(Completed {
            result: done.failure.map_or(Ok(Payload::from(output)), Err),
            usage: Usage {
                duration: Duration::from_micros(done.duration_us),
                busy: Duration::from_micros(done.busy_us),
                memory_bytes: done.memory_bytes,
            },
        })
    }

    /// What a component says of itself, which takes running it.
    pub(crate) async fn describe(
        &self,
        sandbox: &Sandbox,
        tenant: &Tenant,
        name: &Component,
        digest: Digest,
    ) -> Result<Vec<DescribedFunction>, UploadError> {
        let failed = |error: &CallError| UploadError::Internal(error.to_string());
        let process = self.ready(sandbox, tenant, digest).await;
        let process = process.map_err(|error| failed(&error))?;
        let head = DescribeHead {
            tenant: tenant.clone(),
            name: name.clone(),
            digest,
        };
        let asked = message("/describe", &head, whole(Bytes::new()));
        let asked = asked.map_err(|error| failed(&lost(error)))?;
        let asked = ask::<Result<Vec<DescribedFunction>, String>>(&process.sender, asked);
        let answer = tokio::time::timeout(DESCRIBE_MAX, asked).await;
        let answer = answer.map_err(|_| failed(&CallError::Timeout(DESCRIBE_MAX)))?;
        let (answer, _) = answer.map_err(|error| failed(&lost(error)))?;
        answer.map_err(UploadError::Describe)
    }

    /// The process, which may ask for what the call's function is granted from now on.
    async fn ready_for(
        &self,
        sandbox: &Sandbox,
        call: &Invocation,
    ) -> Result<Arc<Process>, CallError> {
        let tenant = &call.app.tenant;
        let process = self.ready(sandbox, tenant, call.component).await?;
        let key: (AppId, _) = (call.app.clone(), call.function.name.clone());
        let mut functions = process.functions.lock().expect("no panic while it is held");
        functions.insert(key, Arc::clone(&call.function));
        drop(functions);
        Ok(process)
    }
}

async fn within<T>(
    call: &Invocation,
    asked: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, CallError> {
    let timeout = Duration::from_millis(call.function.limits.timeout_ms.into());
    match tokio::time::timeout(timeout + GRACE, asked).await {
        Ok(answer) => answer.map_err(lost),
        Err(_) => Err(CallError::Timeout(timeout)),
    }
}

/// The process cannot be started, has ended, or says what makes no sense: the next call meets another.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is used as the argument of map_err"
)]
fn lost(error: BoxError) -> CallError {
    CallError::Internal(format!(
        "the process of the tenant's guests failed: {error}"
    ))
}

fn socket(socket: StdUnixStream) -> io::Result<UnixStream> {
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

impl Sandbox {
    /// Verified native code, compiled where there is none.
    async fn native_code(&self, tenant: &Tenant, digest: Digest) -> Result<Bytes, CallError> {
        if let Some(native) = self.read_native(digest).await {
            return Ok(native);
        }
        self.compile_stored(tenant, digest).await?;
        let lost = || CallError::Internal("the native code cannot be read".to_owned());
        self.read_native(digest).await.ok_or_else(lost)
    }
}
