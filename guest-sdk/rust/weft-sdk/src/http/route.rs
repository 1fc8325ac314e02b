//! Finding the parameters of a route template in a path.
//!
//! The platform has chosen the function already; this only reads the values, so constraints
//! (`{id:int}`) are not checked again.

/// The parameters of a template in a path, or nothing where they do not fit. The path may begin
/// with `/@tenant/app`; the template stands below `/api/`.
pub(super) fn params(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let path = match path.strip_prefix("/@") {
        Some(scoped) => scoped.splitn(3, '/').nth(2)?,
        None => path.strip_prefix('/')?,
    };
    let mut segments = path
        .strip_prefix("api/")?
        .split('/')
        .filter(|s| !s.is_empty());
    let mut params = Vec::new();
    for pattern in template.split('/').filter(|s| !s.is_empty()) {
        let Some(name) = pattern.strip_prefix('{').and_then(|p| p.strip_suffix('}')) else {
            if !segments.next()?.eq_ignore_ascii_case(pattern) {
                return None;
            }
            continue;
        };
        if let Some(name) = name.strip_prefix('*') {
            let rest: Vec<_> = segments.by_ref().map(decode).collect();
            params.push((name.to_owned(), rest.join("/")));
            continue;
        }
        let (name, optional) = match name.strip_suffix('?') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let name = name.split([':', '=']).next().unwrap_or(name).to_owned();
        match segments.next() {
            Some(segment) => params.push((name, decode(segment))),
            None if optional => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(params)
}

/// Resolves percent-encoding; what is none stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = escaped
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, path: &str, expected: Option<&[(&str, &str)]>) {
        let params = params(template, path);
        let params = params.as_ref().map(|params| {
            let pairs = params
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            pairs.collect::<Vec<_>>()
        });
        assert_eq!(params.as_deref(), expected);
    }

    #[test]
    fn values_are_found_below_api() {
        check(
            "photos/{id}/sheet",
            "/api/photos/a%20b/sheet",
            Some(&[("id", "a b")]),
        );
        check(
            "photos/{id}",
            "/@acme/shop/api/photos/7",
            Some(&[("id", "7")]),
        );
        check(
            "orders/{id:int}/{*rest}",
            "/api/orders/7/x/y",
            Some(&[("id", "7"), ("rest", "x/y")]),
        );
        check("orders/{id?}", "/api/orders", Some(&[]));
        check("photos/{id}", "/api/photos/7/sheet", None);
        check("photos/{id}", "/elsewhere", None);
    }

    #[test]
    fn broken_escapes_stay() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%+1"), "%zz%+1");
    }
}
