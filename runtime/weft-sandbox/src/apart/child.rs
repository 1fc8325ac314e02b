//! The child's side: a sandbox of its own, behind a socket.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rustix::process::{Resource, nice};
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use weft_id::{Component, Tenant};
use weft_orchestration::{Failure, Payload};
use weft_store::Digest;

use super::remote::Remote;
use super::wire::{
    BoxBody, BoxError, Called, HttpHead, Refusal, Setup, answer, answer_all, collect, connect,
    head, whole,
};
use crate::config::{Admission, Config, Pool};
use crate::confine::{Bounds, bound, forbid_files, permit_calls_of_all_threads};
use crate::metering::Metering;
use crate::services::Services;
use crate::{ActivityCall, CallError, Sandbox};

/// Native code of one component, as a compiler may write it.
const NATIVE_BYTES_MAX: usize = 1 << 30;
/// The sockets, what the runtime needs, and one for the memory of each loaded module.
const DESCRIPTORS: u64 = 4096;
/// How much less than the node's own threads it is given, where all want the processor.
const NICE: i32 = 5;

/// What a runtime with sockets, and an engine that runs code, call beyond computing.
const RUNNING: &[i64] = &[
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_shutdown,
    libc::SYS_memfd_create,
    libc::SYS_ftruncate,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
];

#[derive(Serialize, Deserialize)]
pub(super) struct ActivityHead {
    pub(super) called: Called,
    pub(super) instance_id: String,
    pub(super) idempotency_key: String,
    pub(super) attempt: u32,
}

/// An activity that ran to its end; its output is the body.
#[derive(Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) failure: Option<Failure>,
    pub(super) duration_us: u64,
    pub(super) busy_us: u64,
    pub(super) memory_bytes: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DescribeHead {
    pub(super) tenant: Tenant,
    pub(super) name: Component,
    pub(super) digest: Digest,
}

/// The whole main function of the process: `setup` is what the node has written; standard input is a
/// socket with calls, standard output one for what guests ask of the host.
#[must_use]
pub fn guest_host_main(setup: &str) -> ExitCode {
    match run(setup) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(setup: &str) -> Result<(), BoxError> {
    let setup: Setup = serde_json::from_str(setup)?;
    let calls = socket(io::stdin().as_fd().try_clone_to_owned()?)?;
    let asks = socket(io::stdout().as_fd().try_clone_to_owned()?)?;
    bound(&Bounds {
        // What is only reserved is not counted: an engine reserves far more than it uses.
        memory: (Resource::Data, setup.memory_bytes),
        cpu_secs: None,
        file_bytes: setup.memory_bytes,
        descriptors: DESCRIPTORS,
    })?;
    nice(NICE)?;
    // Of this thread, and of those that it begins from here on.
    forbid_files()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(setup.threads)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let remote = Arc::new(Remote::new(connect(UnixStream::from_std(asks)?).await?));
        let sandbox = sandbox(setup, &remote)?;
        permit_calls_of_all_threads(RUNNING)?;
        let calls = UnixStream::from_std(calls)?;
        let answer = move |request| {
            let sandbox = sandbox.clone();
            async move { serve(&sandbox, request).await }
        };
        Ok(answer_all(calls, answer).await?)
    })
}

fn socket(fd: OwnedFd) -> io::Result<StdUnixStream> {
    let socket = StdUnixStream::from(fd);
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn sandbox(setup: Setup, remote: &Arc<Remote>) -> Result<Sandbox, BoxError> {
    // It neither compiles nor keeps anything, so that neither program nor key is ever used.
    let mut config = Config::new(PathBuf::new(), [0; 32]);
    config.guest = setup.guest.into();
    config.pool = Pool {
        instances: setup.instances,
        ..Pool::default()
    };
    config.loaded_max = 4096;
    // The node has admitted the call.
    config.admission = Admission {
        per_tenant: usize::MAX >> 4,
        ..Admission::default()
    };
    let services = Services {
        components: Arc::clone(remote) as _,
        client: Arc::clone(remote) as _,
        management: Arc::clone(remote) as _,
        key_value: Arc::clone(remote) as _,
        blobs: Arc::clone(remote) as _,
        secrets: Arc::clone(remote) as _,
        payloads: Arc::clone(remote) as _,
        log: Arc::clone(remote) as _,
        // What tenants use is counted by the node.
        metering: Metering::default(),
    };
    Ok(Sandbox::sending_by(
        config,
        services,
        Some(Arc::clone(remote)),
    )?)
}

async fn serve(
    sandbox: &Sandbox,
    request: Request<Incoming>,
) -> Result<Response<BoxBody>, BoxError> {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    match parts.uri.path() {
        "/load" => {
            let digest: Digest = head(headers)?;
            let native = collect(body, NATIVE_BYTES_MAX).await?;
            let adopted = sandbox.adopt(digest, native).await;
            let refused = adopted.err().map(|error| error.to_string());
            answer(&refused, whole(Bytes::new()))
        }
        "/http" => {
            let (called, http): (Called, HttpHead) = head(headers)?;
            let request = http.into_request(body)?;
            match sandbox.http(called.into(), request).await {
                Ok(response) => {
                    let head = Ok::<_, Refusal>(HttpHead::of_response(&response));
                    let body = response
                        .into_body()
                        .map_err(io::Error::other)
                        .boxed_unsync();
                    answer(&head, body)
                }
                Err(error) => refuse(error),
            }
        }
        "/activity" => {
            let asked: ActivityHead = head(headers)?;
            let bytes_max = sandbox.config().guest.payload_bytes_max;
            let input = String::from_utf8(collect(body, bytes_max).await?.to_vec())?;
            let of = ActivityCall {
                instance_id: asked.instance_id,
                idempotency_key: asked.idempotency_key,
                attempt: asked.attempt,
            };
            let input = Payload::from(input);
            match sandbox.activity(asked.called.into(), input, of).await {
                Ok(done) => {
                    let micros = |time: std::time::Duration| {
                        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
                    };
                    let output = done.result.as_ref().ok().and_then(Payload::text);
                    let output = Bytes::from(output.unwrap_or_default().to_owned());
                    let head = Done {
                        failure: done.result.err(),
                        duration_us: micros(done.usage.duration),
                        busy_us: micros(done.usage.busy),
                        memory_bytes: done.usage.memory_bytes,
                    };
                    answer(&Ok::<_, Refusal>(head), whole(output))
                }
                Err(error) => refuse(error),
            }
        }
        "/describe" => {
            let asked: DescribeHead = head(headers)?;
            let described = sandbox.describe_adopted(&asked.tenant, &asked.name, asked.digest);
            let described = described.await.map_err(|error| error.to_string());
            answer(&described, whole(Bytes::new()))
        }
        other => Err(format!("there is nothing at {other}").into()),
    }
}

fn refuse(error: CallError) -> Result<Response<BoxBody>, BoxError> {
    answer(&Err::<(), _>(Refusal::from(error)), whole(Bytes::new()))
}
