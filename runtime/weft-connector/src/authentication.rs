//! As whom a request is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderValue};
use weft_workflow::value::Value;
use weft_workflow::wire::{credentials, header_value};

use crate::request::{Prepared, text};
use crate::secrets::Known;
use crate::{Connector, Failed};

/// Adds what `stated` asks for. Everything secret in it becomes known as such.
pub(crate) async fn apply(
    connector: &Connector,
    stated: Option<&Value>,
    prepared: &mut Prepared,
    known: &mut Known,
) -> Result<(), Failed> {
    let Some(stated) = stated.filter(|stated| !stated.is_null()) else {
        return Ok(());
    };
    for name in ["password", "pfx", "secret", "value", "parameter"] {
        known.add(&text(stated, name).unwrap_or_default());
    }
    let kind = text(stated, "type").unwrap_or_default();
    let value = match kind.to_ascii_lowercase().as_str() {
        "" | "none" | "anonymous" => return Ok(()),
        "basic" | "raw" => {
            let value = credentials(stated)?.unwrap_or_default();
            // What follows the scheme of a Basic is as good as the password.
            known.add(value.strip_prefix("Basic ").unwrap_or(&value));
            value
        }
        "clientcertificate" => {
            prepared.identity = Some(certificate(stated)?);
            return Ok(());
        }
        "activedirectoryoauth" => bearer(connector.tokens.oauth(connector, stated).await?, known),
        "managedserviceidentity" => {
            let audience = audience(stated, prepared);
            bearer(
                connector
                    .tokens
                    .identity(connector, stated, &audience)
                    .await?,
                known,
            )
        }
        _ => {
            return Err(Failed::unsupported(format!(
                "there is no authentication of the type {kind:?}: Basic, Raw, ClientCertificate, \
                 ActiveDirectoryOAuth or ManagedServiceIdentity"
            )));
        }
    };
    let mut value: HeaderValue = header_value("authorization", value.trim())?;
    value.set_sensitive(true);
    prepared.headers.insert(AUTHORIZATION, value);
    Ok(())
}

fn bearer(token: String, known: &mut Known) -> String {
    known.add(&token);
    format!("Bearer {token}")
}

/// Where none is given, whoever the request goes to.
fn audience(stated: &Value, prepared: &Prepared) -> String {
    let own = text(stated, "audience").filter(|text| !text.is_empty());
    own.unwrap_or_else(|| prepared.url.origin().ascii_serialization())
}

fn certificate(stated: &Value) -> Result<weft_sandbox::ClientIdentity, Failed> {
    let wrong = |why: String| Failed::invalid(format!("the client certificate: {why}"));
    let pfx = text(stated, "pfx").ok_or_else(|| wrong("`pfx` is missing".to_owned()))?;
    let pfx = STANDARD
        .decode(pfx.trim())
        .map_err(|_| wrong("`pfx` is not base64".to_owned()))?;
    let password = text(stated, "password").unwrap_or_default();
    let store = p12_keystore::KeyStore::from_pkcs12(
        &pfx,
        &password,
        p12_keystore::Pkcs12ImportPolicy::Relaxed,
    );
    let store = store.map_err(|error| wrong(format!("it cannot be opened: {error}")))?;
    let (_, chain) = store
        .private_key_chain()
        .ok_or_else(|| wrong("it holds no private key".to_owned()))?;
    let certificates = chain.certs().iter().map(|cert| cert.as_der().to_vec());
    weft_sandbox::ClientIdentity::new(certificates.collect(), chain.key().as_der()).map_err(wrong)
}
