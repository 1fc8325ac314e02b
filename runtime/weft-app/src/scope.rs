//! Which app a data-plane path belongs to: `/@{tenant}/{app}/...`, otherwise the default app of
//! the default tenant.

use weft_id::{App, AppId, Tenant};

/// A path taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope<'a> {
    pub app: AppId,
    /// `/@{tenant}/{app}`, or empty for the default app; what links to the same app begin with.
    pub prefix: &'a str,
    /// The path within the app, with its leading slash.
    pub rest: &'a str,
}

/// A prefix that names no possible tenant or app: such a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a scoped path is /@tenant/app/...")]
pub struct InvalidScope(#[source] Option<weft_id::Error>);

/// Takes a request's path apart, percent-encoding untouched (no valid name needs any).
///
/// # Errors
/// [`InvalidScope`] for a path that begins with `/@` without two valid names.
pub fn parse(path: &str) -> Result<Scope<'_>, InvalidScope> {
    let Some(scoped) = path.strip_prefix("/@") else {
        let app = AppId::default();
        let (prefix, rest) = ("", path);
        return Ok(Scope { app, prefix, rest });
    };
    let (tenant, below) = scoped.split_once('/').ok_or(InvalidScope(None))?;
    let app = below.split('/').next().unwrap_or_default();
    let invalid = |error| InvalidScope(Some(error));
    let id = AppId {
        tenant: tenant.parse::<Tenant>().map_err(invalid)?,
        app: app.parse::<App>().map_err(invalid)?,
    };
    let (prefix, rest) = path.split_at("/@".len() + tenant.len() + "/".len() + app.len());
    Ok(Scope {
        app: id,
        prefix,
        rest: if rest.is_empty() { "/" } else { rest },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: (&str, &str, &str)) {
        let scope = parse(path).unwrap();
        let app = scope.app.to_string();
        assert_eq!((app.as_str(), scope.prefix, scope.rest), expected);
    }

    #[test]
    fn finds_the_app_and_what_is_left() {
        check("/api/x", ("default/default", "", "/api/x"));
        check("/@t/a/api/x", ("t/a", "/@t/a", "/api/x"));
        check("/@t/a", ("t/a", "/@t/a", "/"));
        check("/@t/a/", ("t/a", "/@t/a", "/"));
    }

    #[test]
    fn refuses_what_names_no_app() {
        for bad in ["/@", "/@t", "/@t/", "/@/a/x", "/@T/a/x", "/@t/a%2e/x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
