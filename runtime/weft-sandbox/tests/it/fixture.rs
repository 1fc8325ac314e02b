//! A sandbox with everything around it in memory.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use weft_app::{Auth, Function, FunctionKind, Limits};
use weft_id::{AppId, EntityId, InstanceId};
use weft_orchestration::{Payload, Status, Timestamp};
use weft_sandbox::{
    Client, ClientError, Components, Config, Control, GuestLimits, InstanceStatus, Invocation,
    LogRecord, LogSink, Management, Metering, Sandbox, Secrets, Services, StartOptions,
};
use weft_store::{Digest, EntityFilter, EntityPage, Error, Family, Filter, KeyValue, PageRequest};

pub(crate) struct Fixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) world: Arc<World>,
}

/// What the sandbox reaches.
#[derive(Default)]
pub(crate) struct World {
    wasm: Mutex<HashMap<Digest, Vec<u8>>>,
    logs: Mutex<Vec<LogRecord>>,
    pairs: Mutex<BTreeMap<(AppId, String, String), Vec<u8>>>,
    pub(crate) secrets: Mutex<BTreeMap<String, String>>,
    pub(crate) metering: Metering,
}

impl Fixture {
    /// A sandbox whose native code is shared by all tests, so that each guest is compiled once.
    pub(crate) fn new() -> Self {
        static NATIVE: OnceLock<tempfile::TempDir> = OnceLock::new();
        let dir = NATIVE.get_or_init(|| tempfile::tempdir().unwrap());
        Self::with(|config| config.native_dir = Some(dir.path().to_owned()))
    }

    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self::with(|config| config.native_dir = Some(dir.to_owned()))
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let world = Arc::new(World::default());
        let blobs = Arc::new(weft_store::MemoryStore::new());
        let services = Services {
            components: world.clone(),
            client: world.clone(),
            management: world.clone(),
            key_value: world.clone(),
            blobs: blobs.clone(),
            payloads: blobs,
            log: world.clone(),
            secrets: world.clone(),
            metering: world.metering.clone(),
        };
        let compiler = PathBuf::from(env!("CARGO_BIN_EXE_weft-compile"));
        let mut config = Config::new(compiler, [7; 32]);
        config.guest = GuestLimits::for_payloads(4 << 20);
        config.pool.instances = 64;
        // Tests count instances; what is made ahead has tests of its own.
        config.pool.prepared = 0;
        config.admission.wait_max = Duration::from_millis(200);
        change(&mut config);
        let sandbox = Sandbox::new(config, services).unwrap();
        Self { sandbox, world }
    }

    /// A call of function `name` of a guest of `tests/guests`.
    pub(crate) fn call(&self, guest: &str, name: &str) -> Invocation {
        let wasm = weft_testkit::guests::guest(guest);
        let digest = Digest(Sha256::digest(&wasm).into());
        self.world.wasm.lock().unwrap().insert(digest, wasm);
        Invocation {
            app: AppId::default(),
            function: Arc::new(function(name)),
            component: digest,
            instance: None,
        }
    }

    pub(crate) fn logs(&self) -> Vec<String> {
        let logs = self.world.logs.lock().unwrap();
        let line = |record: &LogRecord| format!("{} {}", record.level.as_str(), record.text);
        logs.iter().map(line).collect()
    }

    /// The orchestrations that logs are of.
    pub(crate) fn instances_of_logs(&self) -> Vec<String> {
        let logs = self.world.logs.lock().unwrap();
        let of = logs.iter().filter_map(|record| record.instance.as_ref());
        of.map(ToString::to_string).collect()
    }

    /// Waits until no instance is left.
    pub(crate) async fn idle(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.sandbox.live_instances() > 0 {
            assert!(
                Instant::now() < deadline,
                "{} instances are left",
                self.sandbox.live_instances()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

pub(crate) fn function(name: &str) -> Function {
    Function {
        name: name.parse().unwrap(),
        component: "guest".parse().unwrap(),
        kind: FunctionKind::Activity,
        auth: Auth::Anonymous,
        trigger: None,
        limits: Limits {
            memory_mib: 64,
            timeout_ms: 20_000,
            concurrency: 50,
            requests_per_instance: 1,
        },
        allowed_outbound_hosts: Vec::new(),
        capabilities: weft_app::Grants::default(),
        env: BTreeMap::new(),
        description: None,
        input_schema: None,
        output_schema: None,
    }
}

/// The same call for another tenant.
pub(crate) fn of_tenant(mut call: Invocation, tenant: &str) -> Invocation {
    call.app.tenant = tenant.parse().unwrap();
    call
}

/// A change to the function of a call.
pub(crate) fn change(call: Invocation, change: impl FnOnce(&mut Function)) -> Invocation {
    let mut function = (*call.function).clone();
    change(&mut function);
    Invocation {
        function: Arc::new(function),
        ..call
    }
}

#[async_trait]
impl Components for World {
    async fn wasm(&self, digest: &Digest) -> Result<Option<Vec<u8>>, String> {
        Ok(self.wasm.lock().unwrap().get(digest).cloned())
    }
}

impl LogSink for World {
    fn log(&self, record: LogRecord) {
        self.logs.lock().unwrap().push(record);
    }
}

#[async_trait]
impl Secrets for World {
    async fn of_app(&self, _: &AppId) -> Result<Arc<BTreeMap<String, String>>, String> {
        Ok(Arc::new(self.secrets.lock().unwrap().clone()))
    }
}

#[async_trait]
impl Client for World {
    async fn start(
        &self,
        app: &AppId,
        name: &str,
        input: Payload,
        instance: Option<InstanceId>,
    ) -> Result<InstanceId, ClientError> {
        assert_eq!(
            (app, name, input.text().unwrap()),
            (&AppId::default(), "child", "5")
        );
        Ok(instance.unwrap_or_else(|| "made".parse().unwrap()))
    }

    async fn status(&self, _: &AppId, id: &InstanceId) -> Result<InstanceStatus, ClientError> {
        Ok(InstanceStatus {
            instance: id.clone(),
            name: "child".to_owned(),
            status: Status::Running,
            created_at: Timestamp::from_millis(1),
            updated_at: Timestamp::from_millis(2),
            input: None,
            custom_status: None,
            output: None,
        })
    }

    async fn wait_for_completion(
        &self,
        app: &AppId,
        id: &InstanceId,
        _: u64,
    ) -> Result<InstanceStatus, ClientError> {
        self.status(app, id).await
    }

    async fn raise_event(
        &self,
        _: &AppId,
        _: &InstanceId,
        _: &str,
        _: Payload,
    ) -> Result<(), ClientError> {
        Err(ClientError::Ended)
    }

    async fn control(
        &self,
        _: &AppId,
        _: &InstanceId,
        _: Control,
        _: &str,
    ) -> Result<(), ClientError> {
        Err(ClientError::NotFound)
    }

    async fn signal_entity(
        &self,
        _: &AppId,
        _: &EntityId,
        _: &str,
        _: Payload,
        _: Option<Timestamp>,
    ) -> Result<(), ClientError> {
        Ok(())
    }

    async fn entity_state(
        &self,
        _: &AppId,
        entity: &EntityId,
    ) -> Result<Option<Payload>, ClientError> {
        let state = format!("{:?}", entity.key());
        Ok((entity.name() == "counter").then(|| Payload::from(state)))
    }
}

/// The real one is the server's; here only who may reach it is tested.
fn none<T>() -> Result<T, ClientError> {
    Err(ClientError::Unavailable("not in this test".to_owned()))
}

#[async_trait]
impl Management for World {
    async fn start(
        &self,
        _: &AppId,
        _: &str,
        _: Payload,
        _: StartOptions,
    ) -> Result<InstanceId, ClientError> {
        none()
    }

    async fn instances(
        &self,
        _: &AppId,
        _: Filter,
        _: PageRequest,
    ) -> Result<(Vec<InstanceStatus>, Option<String>), ClientError> {
        none()
    }

    async fn rewind(&self, _: &AppId, _: &InstanceId, _: String) -> Result<(), ClientError> {
        none()
    }

    async fn restart(&self, _: &AppId, _: &InstanceId, _: bool) -> Result<InstanceId, ClientError> {
        none()
    }

    async fn purge(&self, _: &AppId, _: &InstanceId, _: Family) -> Result<u64, ClientError> {
        none()
    }

    async fn purge_matching(&self, _: &AppId, _: Filter, _: Family) -> Result<u64, ClientError> {
        none()
    }

    async fn entities(
        &self,
        _: &AppId,
        _: EntityFilter,
        _: PageRequest,
    ) -> Result<EntityPage, ClientError> {
        none()
    }
}

#[async_trait]
impl KeyValue for World {
    async fn kv_get(&self, app: &AppId, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        tokio::task::yield_now().await;
        let key = (app.clone(), bucket.to_owned(), key.to_owned());
        Ok(self.pairs.lock().unwrap().get(&key).cloned())
    }

    async fn kv_set(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        value: &[u8],
    ) -> Result<(), Error> {
        // A store may let others go first.
        tokio::task::yield_now().await;
        assert!(value != b"panic", "the store is on fire");
        let key = (app.clone(), bucket.to_owned(), key.to_owned());
        self.pairs.lock().unwrap().insert(key, value.to_vec());
        Ok(())
    }

    async fn kv_delete(&self, app: &AppId, bucket: &str, key: &str) -> Result<(), Error> {
        let key = (app.clone(), bucket.to_owned(), key.to_owned());
        self.pairs.lock().unwrap().remove(&key);
        Ok(())
    }

    async fn kv_increment(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        delta: i64,
    ) -> Result<i64, Error> {
        let key = (app.clone(), bucket.to_owned(), key.to_owned());
        let mut pairs = self.pairs.lock().unwrap();
        let value = pairs.entry(key).or_insert_with(|| b"0".to_vec());
        let sum = std::str::from_utf8(value).unwrap().parse::<i64>().unwrap() + delta;
        *value = sum.to_string().into_bytes();
        Ok(sum)
    }

    async fn kv_keys(
        &self,
        app: &AppId,
        bucket: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let pairs = self.pairs.lock().unwrap();
        let own = pairs.keys().filter(|(a, b, _)| a == app && b == bucket);
        let keys = own.map(|(_, _, key)| key.clone());
        let later = keys.filter(|key| after.is_none_or(|after| key.as_str() > after));
        Ok(later.take(limit as usize).collect())
    }
}
