//! What a process of ours gives up before it touches what strangers have sent.
//!
//! Three layers, each sufficient against a different mistake: bounds on resources, which every
//! kernel has; a list of system calls outside of which nothing works (seccomp); and no right to any
//! file, port or foreign process (Landlock). The last two are taken where the kernel has them.

use std::collections::BTreeMap;
use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter, apply_filter_all_threads,
};

/// The newest rights that are known here; an older kernel takes those that it has.
const RIGHTS: ABI = ABI::V6;

/// What every process needs that computes in several threads.
const COMPUTING: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_ppoll,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_prctl,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_membarrier,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getrlimit,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_arch_prctl,
];

/// What may be asked of `fcntl`.
const DESCRIPTOR_CALLS: [i32; 7] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    // The engine seals the images of memories that it keeps.
    libc::F_ADD_SEALS,
];

/// How much a process may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The kind that is counted, and how many bytes.
    pub(crate) memory: (Resource, u64),
    /// `None` for one that lives on.
    pub(crate) cpu_secs: Option<u64>,
    /// Of what it writes into one file.
    pub(crate) file_bytes: u64,
    /// Numbers of descriptors that it may open are below this; those that are open stay so.
    pub(crate) descriptors: u64,
}

/// Bounds this process, then takes everything from it but computing and the descriptors that it
/// has. Must be called while it has one thread.
///
/// # Errors
/// A bound cannot be set, or the kernel has a layer and refuses it.
pub(crate) fn confine(bounds: &Bounds) -> io::Result<()> {
    // Files before the list, which does not hold the calls for that, and before there are no
    // descriptors.
    forbid_files()?;
    bound(bounds)?;
    where_known(allow_calls(&[], apply_filter))
}

/// Bounds this process.
pub(crate) fn bound(bounds: &Bounds) -> io::Result<()> {
    for (resource, bound) in [
        (bounds.memory.0, Some(bounds.memory.1)),
        (Resource::Cpu, bounds.cpu_secs),
        (Resource::Fsize, Some(bounds.file_bytes)),
        (Resource::Core, Some(0)),
        (Resource::Nofile, Some(bounds.descriptors)),
    ] {
        if let Some(bound) = bound {
            limit(resource, bound)?;
        }
    }
    Ok(())
}

/// Leaves all threads of this process the calls that computing needs, and these.
pub(crate) fn permit_calls_of_all_threads(further: &[i64]) -> io::Result<()> {
    where_known(allow_calls(further, apply_filter_all_threads))
}

/// A kernel without the layer has the others.
fn where_known(done: Result<(), seccompiler::Error>) -> io::Result<()> {
    match done {
        Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error))
            if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) =>
        {
            Ok(())
        }
        done => done.map_err(io::Error::other),
    }
}

fn limit(resource: Resource, bound: u64) -> io::Result<()> {
    let bound = Some(bound);
    let limit = Rlimit {
        current: bound,
        maximum: bound,
    };
    Ok(setrlimit(resource, limit)?)
}

/// No right to any file, TCP port, abstract socket or signal to another process, for this thread and
/// those that it begins.
pub(crate) fn forbid_files() -> io::Result<()> {
    without_rights().map_err(io::Error::other)
}

fn without_rights() -> Result<(), landlock::RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RIGHTS))?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .scope(Scope::from_all(RIGHTS))?
        .create()?
        .restrict_self()?;
    Ok(())
}

type Apply = fn(&[seccompiler::sock_filter]) -> Result<(), seccompiler::Error>;

/// Every other system call fails as not permitted.
fn allow_calls(further: &[i64], apply: Apply) -> Result<(), seccompiler::Error> {
    // Its flags lie in memory, where no filter sees them: the library then falls back to `clone`. The
    // list comes second, since it does not hold what installs it.
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    install(clone3, SeccompAction::Allow, absent, apply)?;
    let whole = |call: &i64| (*call, Vec::new());
    let mut allowed: BTreeMap<i64, Vec<SeccompRule>> =
        COMPUTING.iter().chain(further).map(whole).collect();
    // A thread, and no process: that would have bounds of its own.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let thread = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(thread),
        thread,
    )?;
    allowed.insert(libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]);
    // Bounds of itself and signals to itself: other processes of the same user are in reach of both.
    let is = |argument: u8, value: u64| {
        let (len, equal) = (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq);
        SeccompRule::new(vec![SeccompCondition::new(argument, len, equal, value)?])
    };
    allowed.insert(libc::SYS_prlimit64, vec![is(0, 0)?]);
    allowed.insert(
        libc::SYS_tgkill,
        vec![is(0, u64::from(std::process::id()))?],
    );
    // Of descriptors, and nothing that has a signal sent to somebody.
    let flags = DESCRIPTOR_CALLS.iter();
    let flags = flags.map(|command| is(1, u64::from(command.unsigned_abs())));
    allowed.insert(libc::SYS_fcntl, flags.collect::<Result<_, _>>()?);
    let not_permitted = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    install(allowed, not_permitted, SeccompAction::Allow, apply)
}

fn install(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matching: SeccompAction,
    apply: Apply,
) -> Result<(), seccompiler::Error> {
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, otherwise, matching, architecture)?;
    let program: BpfProgram = filter.try_into()?;
    apply(&program)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::Command;

    use super::*;

    const ASKED: &str = "WEFT_TEST_CONFINED";

    /// Not a test by itself: what the process of the test below does.
    #[test]
    fn confined_process() {
        if std::env::var_os(ASKED).is_none() {
            return;
        }
        let bounds = Bounds {
            memory: (Resource::As, 4 << 30),
            cpu_secs: Some(10),
            file_bytes: 1 << 20,
            // More than a compiler gets, so that it is the other layers that refuse.
            descriptors: 64,
        };
        let parent = rustix::process::getppid();
        // The rights are those of this thread, as every process begins with one.
        confine(&bounds).unwrap();
        let unbounded = Rlimit {
            current: None,
            maximum: None,
        };
        let tried: [(&str, io::Result<()>); 8] = [
            ("connect", TcpStream::connect("127.0.0.1:1").map(drop)),
            ("listen", TcpListener::bind("127.0.0.1:0").map(drop)),
            ("datagram", UdpSocket::bind("127.0.0.1:0").map(drop)),
            ("read a file", std::fs::read("/etc/passwd").map(drop)),
            ("write a file", std::fs::write("/tmp/weft-confined", "x")),
            (
                "run a program",
                Command::new("/bin/true").status().map(drop),
            ),
            ("pair", std::os::unix::net::UnixStream::pair().map(drop)),
            (
                "bound another process",
                rustix::process::prlimit(parent, Resource::Core, unbounded)
                    .map(drop)
                    .map_err(io::Error::from),
            ),
        ];
        for (what, tried) in tried {
            let kind = tried.map_err(|error| error.kind());
            println!("{what}: {kind:?}");
        }
        let thread = std::thread::spawn(|| 7).join();
        println!("thread: {:?}", thread.ok());
    }

    #[test]
    fn a_confined_process_computes_and_reaches_nothing() {
        let own = std::env::current_exe().unwrap();
        let output = Command::new(own)
            .args(["confine::tests::confined_process", "--exact", "--nocapture"])
            .args(["--test-threads", "1"])
            .env(ASKED, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        for what in [
            "connect",
            "listen",
            "datagram",
            "read a file",
            "write a file",
            "run a program",
            "pair",
            "bound another process",
        ] {
            let line = format!("{what}: Err(PermissionDenied)");
            assert!(said.contains(&line), "{line}\n{said}");
        }
        assert!(said.contains("thread: Some(7)"), "{said}");
    }
}
